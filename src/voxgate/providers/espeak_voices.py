"""Which voices espeak-ng has, and which of them is nearest to a language.

`VoiceTable` is made from the running engine's own list. `nearest_voice` needs no engine: it knows the
languages of espeak-ng 1.52 and, for languages that it lacks, a relative that shares the script and, as far
as there is one, the family.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from voxgate.errors import InvalidVoice
from voxgate.speech.voice import Gender

# fmt: off
LANGUAGES = frozenset((
    "af", "am", "an", "ar", "as", "az", "ba", "be", "bg", "bn", "bpy", "bs", "ca", "ca-ba", "ca-nw", "ca-va",
    "chr", "cmn", "cs", "cv", "cy", "da", "de", "el", "en-029", "en-gb", "en-gb-scotland",
    "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-gb-x-rp", "en-us", "en-us-nyc", "eo", "es", "es-419", "et", "eu",
    "fa", "fa-latn", "fi", "fr", "fr-be", "fr-ch", "ga", "gd", "gn", "grc", "gu", "hak", "haw", "he", "hi",
    "hr", "ht", "hu", "hy", "hyw", "ia", "id", "io", "is", "it", "ja", "jbo", "ka", "kk", "kl", "kn", "ko",
    "kok", "ku", "ky", "la", "lb", "lfn", "lt", "ltg", "lv", "mi", "mk", "ml", "mr", "ms", "mt", "mto", "my",
    "nb", "nci", "ne", "nl", "nog", "om", "or", "pa", "pap", "piqd", "pl", "pt", "pt-br", "py", "qdb", "qu",
    "quc", "qya", "ro", "ru", "ru-lv", "sd", "shn", "si", "sjn", "sk", "sl", "smj", "sq", "sr", "sv", "sw",
    "ta", "te", "th", "ti", "tk", "tn", "tr", "tt", "ug", "uk", "ur", "uz", "vi", "vi-vn-x-central",
    "vi-vn-x-south", "yue",
))
"""Voice ids that `nearest_voice` answers with."""

_SAME_LANGUAGE: Mapping[str, str] = {
    # Regions and scripts, most particular first when looked up.
    "ar-eg": "ar", "arb": "ar", "arz": "ar", "ary": "ar", "apc": "ar", "afb": "ar",
    "en": "en-us", "en-au": "en-gb", "en-nz": "en-gb", "en-ie": "en-gb", "en-za": "en-gb",
    "en-in": "en-gb", "en-pk": "en-gb", "en-sg": "en-gb", "en-hk": "en-gb", "en-ng": "en-gb",
    "en-ke": "en-gb", "en-tz": "en-gb", "en-gb-sct": "en-gb-scotland", "en-jm": "en-029", "en-tt": "en-029",
    "en-bb": "en-029", "es-es": "es", "fr-fr": "fr", "pt-pt": "pt", "pt-ao": "pt", "pt-mz": "pt",
    "zh": "cmn", "zh-hk": "yue", "zh-mo": "yue", "zh-yue": "yue", "zh-cmn": "cmn", "zh-hak": "hak",
    "zh-hant-hk": "yue", "zh-hans-hk": "yue", "zh-hant-mo": "yue", "hy-arevmda": "hyw",
    "no": "nb", "iw": "he", "in": "id", "mo": "ro", "prs": "fa", "pes": "fa", "zsm": "ms", "ory": "or",
    "lvs": "lv", "ekk": "et", "swh": "sw", "npi": "ne", "azj": "az", "uzn": "uz", "kmr": "ku", "gug": "gn",
    "hbs": "hr", "sh": "hr", "als": "sq", "quz": "qu",
}

_NEAREST: Mapping[str, str] = {
    # Perso-Arabic scripts of South Asia
    "bal": "ur", "bcc": "ur", "bgp": "ur", "ps": "ur", "pbt": "ur", "skr": "ur", "pnb": "ur", "lah": "ur",
    "hno": "ur", "hnd": "ur", "brh": "ur", "ks": "ur", "pa-pk": "ur", "pa-arab": "ur", "ckb": "fa",
    "mzn": "fa", "glk": "fa", "lrc": "fa", "tg": "ru",
    # Devanagari, Bengali and other Indian scripts
    "bho": "hi", "mai": "hi", "mag": "hi", "awa": "hi", "raj": "hi", "hne": "hi", "sa": "hi", "doi": "hi",
    "brx": "hi", "sat": "bn", "mni": "bn", "tcy": "kn", "gom": "kok",
    # Chinese and South-East Asia
    "wuu": "cmn", "nan": "cmn", "hsn": "cmn", "gan": "cmn", "cjy": "cmn", "lo": "th", "km": "th",
    "fil": "id", "tl": "id", "ceb": "id", "ilo": "id", "war": "id", "hil": "id", "pam": "id", "bik": "id",
    "jv": "id", "su": "id", "min": "id", "bug": "id", "mad": "id", "mg": "id", "sm": "mi", "to": "mi",
    # Europe
    "nn": "nb", "gl": "pt", "ast": "es", "oc": "ca", "co": "it", "sc": "it", "scn": "it", "nap": "it",
    "fur": "it", "vec": "it", "rm": "it", "lij": "it", "fy": "nl", "li": "nl", "nds": "de", "gsw": "de",
    "bar": "de", "yi": "he", "ji": "he", "br": "fr", "wa": "fr", "hsb": "cs", "dsb": "cs", "szl": "pl",
    "csb": "pl", "rue": "uk", "cnr": "sr", "fo": "is", "se": "smj", "sco": "en-gb-scotland",
    "gv": "ga", "kw": "cy", "vro": "et", "liv": "lv", "krl": "fi",
    # Central and North Asia
    "mn": "ru", "sah": "kk", "crh": "tr", "gag": "tr", "kaa": "kk", "ce": "ru", "os": "ru", "ab": "ru",
    "kv": "ru", "udm": "ru", "mhr": "ru", "myv": "ru",
    # Africa
    "zu": "tn", "xh": "tn", "st": "tn", "nso": "tn", "ts": "tn", "ss": "tn", "ve": "tn", "nr": "tn",
    "sn": "sw", "ny": "sw", "rw": "sw", "rn": "sw", "lg": "sw", "ln": "sw", "kg": "sw", "ki": "sw",
    "luo": "sw", "kam": "sw", "bem": "sw", "yo": "sw", "ig": "sw", "ha": "sw", "ak": "sw", "tw": "sw",
    "ee": "sw", "ff": "sw", "bm": "sw", "wo": "fr", "so": "om", "aa": "om", "ber": "ar", "kab": "ar",
    # The Americas
    "nah": "nci", "ay": "qu", "yua": "es", "nhn": "nci", "nv": "en-us",
}
# fmt: on

_LATIN_AMERICA = frozenset("419 ar bo br bz cl co cr cu do ec gt hn mx ni pa pe pr py sv us uy ve".split())


@dataclass(frozen=True, slots=True)
class NearestVoice:
    """What `nearest_voice` found.

    Attributes:
        voice_id: of ``Local.Espeak.<voice_id>``.
        stand_in: the voice speaks another language than the one asked for.
    """

    voice_id: str
    stand_in: bool


def nearest_voice(tag: str) -> NearestVoice:
    """Return the espeak voice nearest to a BCP-47 language tag.

    A region or script that espeak lacks falls back to its language (``ur-PK`` to ``ur``), a language that
    it lacks to a relative (``bal`` to ``ur``), and what is not known at all to ``en-us``; the last two are
    stand-ins.
    """
    parts = tag.strip().replace("_", "-").lower().split("-")
    if parts[0] == "es" and _LATIN_AMERICA.intersection(parts[1:]):
        return NearestVoice("es-419", stand_in=False)
    for length in range(len(parts), 0, -1):
        candidate = "-".join(parts[:length])
        for table, stand_in in ((_SAME_LANGUAGE, False), (_NEAREST, True)):
            if candidate in table:
                return NearestVoice(table[candidate], stand_in=stand_in)
        if candidate in LANGUAGES:
            return NearestVoice(candidate, stand_in=False)
    return NearestVoice("en-us", stand_in=True)


@dataclass(frozen=True, slots=True)
class EspeakVoice:
    """A voice or a variant that the engine offers.

    Attributes:
        identifier: espeak's file name, ``inc/ur`` or ``!v/f3``.
        name: what espeak calls it.
        languages: espeak's tags in lower case, the nearest first; none for a variant.
        gender: of the variants; of the voices espeak says "male" of nearly all.
    """

    identifier: str
    name: str
    languages: tuple[str, ...]
    gender: Gender

    @property
    def short_name(self) -> str:
        """The last part of the identifier: ``en-US`` or ``f3``."""
        return self.identifier.rpartition("/")[2]


class VoiceTable:
    """The engine's voices and variants, by every name they may be asked for by, without regard to case.

    Args:
        voices: as the worker lists them: ``identifier``, ``name``, ``gender``, and ``languages`` as pairs
            of a tag and a priority, where a lower priority is nearer.
        variants: the same, for what may follow a ``+``.
    """

    def __init__(self, voices: Sequence[Mapping[str, Any]], variants: Sequence[Mapping[str, Any]]) -> None:
        self.voices = tuple(_voice(entry) for entry in voices)
        self.variants = tuple(_voice(entry) for entry in variants)
        self._by_name: dict[str, tuple[int, EspeakVoice]] = {}
        for voice, entry in zip(self.voices, voices, strict=True):
            self._add(voice.identifier, 0, voice)
            for language, priority in entry["languages"]:
                self._add(language, priority, voice)
            self._add(voice.short_name, 50, voice)
        self._variants = {variant.short_name.lower(): variant for variant in self.variants}

    def resolve(self, voice_id: str) -> str:
        """Return the engine's name of ``language-or-voice[+variant]``; raises `InvalidVoice`."""
        base, plus, variant_name = voice_id.lower().partition("+")
        found = self._by_name.get(base)
        variant = self._variants.get(variant_name)
        if found is None:
            raise InvalidVoice("espeak-ng has no such language or voice", field="voice")
        if not plus:
            return found[1].identifier
        if variant is None:
            raise InvalidVoice("espeak-ng has no such variant", field="voice")
        return f"{found[1].identifier}+{variant.short_name}"

    def _add(self, name: str, priority: int, voice: EspeakVoice) -> None:
        best = self._by_name.get(name.lower())
        if best is None or priority < best[0]:
            self._by_name[name.lower()] = (priority, voice)


def _voice(entry: Mapping[str, Any]) -> EspeakVoice:
    languages = sorted(entry["languages"], key=lambda language: int(language[1]))
    return EspeakVoice(
        identifier=entry["identifier"],
        name=entry["name"],
        languages=tuple(tag for tag, _ in languages),
        gender=Gender(entry["gender"]),
    )
