from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace

import pytest

from voxgate.providers.espeak_voices import nearest_voice
from voxgate.speech.catalogue import Catalogue
from voxgate.speech.language import primary_language
from voxgate.speech.standin import StandIn, palette_of, stand_in
from voxgate.speech.voice import DEFAULT_VOICE, Gender, Voice, VoiceName

LIST_LANGUAGES = """
import ctypes, json, espeakng_loader

class Voice(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("languages", ctypes.c_void_p), ("rest", ctypes.c_char_p)]

lib = ctypes.CDLL(espeakng_loader.get_library_path())
lib.espeak_Initialize(1, 0, espeakng_loader.get_data_path().encode(), 0)
lib.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(Voice))
voices, found, at = lib.espeak_ListVoices(None), [], 0
while voices[at]:
    place = voices[at].contents.languages
    while ctypes.string_at(place, 1) != b"\\0":  # a priority, then a name, again and again
        name = ctypes.string_at(place + 1)
        found.append(name.decode().lower())
        place += len(name) + 2
    at += 1
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.shipped()


@pytest.fixture(scope="module")
def espeak_languages() -> set[str]:
    """Asked of espeak itself, in a process of its own."""
    listed = subprocess.run(
        [sys.executable, "-c", LIST_LANGUAGES], capture_output=True, check=True, timeout=60
    )
    return set(json.loads(listed.stdout))


def _voice(gender: Gender, slot: int = 0, *languages: str) -> Voice:
    return Voice(VoiceName("Acme", "Fast", "ann"), "Ann", languages or ("en-US",), gender, slot=slot)


def test_the_same_voice_always_has_the_same_stand_in(catalogue: Catalogue) -> None:
    voice = catalogue.find(DEFAULT_VOICE)
    assert stand_in(voice) == stand_in(voice)
    assert stand_in(voice).language == "en-US"


def test_no_two_voices_of_one_model_and_language_sound_the_same(catalogue: Catalogue) -> None:
    taken: dict[tuple[str, str], set[tuple[str, float, float]]] = defaultdict(set)
    for voice in catalogue.voices():
        for language in {primary_language(tag) for tag in voice.languages}:
            other = stand_in(voice, language)
            sound = (other.variant, other.pitch_semitones, other.speed)
            group = taken[voice.facts.title, language]
            assert sound not in group, voice.name
            group.add(sound)


@pytest.mark.parametrize("gender", list(Gender))
def test_a_palette_repeats_only_after_its_last_combination(gender: Gender) -> None:
    size = palette_of(gender).size
    sounds = {stand_in(_voice(gender, slot)) for slot in range(size)}
    assert len(sounds) == size >= 150
    assert stand_in(_voice(gender, size)) == stand_in(_voice(gender, 0))


def test_the_palettes_have_nothing_in_common() -> None:
    female, male, other = (
        {palette_of(gender).pick(slot) for slot in range(palette_of(gender).size)}
        for gender in (Gender.FEMALE, Gender.MALE, Gender.UNKNOWN)
    )
    assert not female & male
    assert not female & other
    assert not male & other


def test_genders_sound_right() -> None:
    # Medians of the fundamental, measured with espeak-ng 1.52 in American English.
    fundamental_hz = {
        "m1": 96,
        "m2": 101,
        "m3": 106,
        "m4": 95,
        "m5": 103,
        "m6": 102,
        "m7": 107,
        "m8": 86,
        "f1": 179,
        "f2": 195,
        "f3": 212,
        "f4": 181,
        "f5": 205,
    }

    def heard_hz(gender: Gender) -> list[float]:
        palette = palette_of(gender)
        picks = [palette.pick(slot) for slot in range(palette.size)]
        return [fundamental_hz[variant] * 2 ** (semitones / 12) for variant, semitones, _ in picks]

    assert max(heard_hz(Gender.MALE)) < 140
    assert min(heard_hz(Gender.FEMALE)) > 145
    assert 125 < min(heard_hz(Gender.NEUTRAL))
    assert max(heard_hz(Gender.NEUTRAL)) < 160


@pytest.mark.parametrize(
    ("wanted", "language"),
    [(None, "fr-CA"), ("", "fr-CA"), ("auto", "fr-CA"), ("de", "de"), ("UR_pk", "ur-PK"), (" es ", "es")],
)
def test_the_language_asked_for_wins_over_the_voices_own(wanted: str | None, language: str) -> None:
    assert stand_in(_voice(Gender.FEMALE, 0, "fr-CA", "en-CA"), wanted).language == language


def test_a_voice_without_a_language_speaks_english() -> None:
    voice = replace(_voice(Gender.MALE), languages=())
    assert stand_in(voice).language == "en-US"


def test_a_stand_in_names_the_local_voice() -> None:
    assert StandIn("bal-PK", "f2", 0.0, 1.0).name("ur") == VoiceName("Local", "Espeak", "ur+f2")


def test_variants_fit_the_gender(catalogue: Catalogue) -> None:
    for voice in catalogue.voices():
        variant = stand_in(voice).variant
        if voice.gender is Gender.FEMALE:
            assert variant in {"f1", "f2", "f3", "f4", "f5"}
        elif voice.gender is Gender.MALE:
            assert variant in {f"m{number}" for number in range(1, 9)}


def test_espeak_speaks_every_language_of_the_catalogue_or_a_named_neighbour(
    catalogue: Catalogue, espeak_languages: set[str]
) -> None:
    for tag in {tag for voice in catalogue.voices() for tag in voice.languages}:
        nearest = nearest_voice(tag)
        assert nearest.voice_id in espeak_languages, tag
        # American English is what an unknown language falls back to: only English may end there.
        assert primary_language(tag) == "en" or not nearest.voice_id.startswith("en"), tag


def test_balochi_is_spoken_as_urdu(catalogue: Catalogue) -> None:
    voice = catalogue.find(VoiceName.parse("Uplift.v_bl0ab8c4"))
    nearest = nearest_voice(stand_in(voice).language)
    assert (nearest.voice_id, nearest.stand_in) == ("ur", True)
