"""Names of voices, and what is known about each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from voxgate.errors import InvalidVoice
from voxgate.speech.model import NOTHING_KNOWN, ModelFacts

MAX_NAME_CHARACTERS = 200
"""The longest name taken; the longest documented one has about seventy."""


class Gender(StrEnum):
    """As the catalogue tells it."""

    FEMALE = "female"
    MALE = "male"
    NEUTRAL = "neutral"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class VoiceName:
    """A compound name, ``Provider.Model.VoiceId`` or ``Provider.VoiceId``.

    The provider stands before the first dot, the voice id after the last, and the model, which may hold
    dots of its own (``speech-2.8-turbo``), between them (source: Telnyx docs, engines and voices page).
    What the vendor means by them is the catalogue's to say: it knows which providers have no models and
    where Polly's engine hides.

    Attributes:
        provider: as the catalogue spells it once resolved; without regard to case before.
        model: empty for two-part names.
        voice_id: the voice within the model.
    """

    provider: str
    model: str
    voice_id: str

    @classmethod
    def parse(cls, text: str) -> VoiceName:
        """Split a compound name.

        Raises:
            InvalidVoice: fewer than two parts, an empty part, a control character, or over 200 characters.
        """
        name = text.strip()
        _check_characters(name)
        parts = name.split(".")
        if len(parts) < 2 or not all(part.strip() for part in parts):
            raise InvalidVoice(
                "A voice is named Provider.Model.VoiceId, for example Telnyx.NaturalHD.astra", field="voice"
            )
        return cls(parts[0], ".".join(parts[1:-1]), parts[-1])

    @classmethod
    def from_parts(cls, provider: str | None, model: str | None, voice_id: str | None) -> VoiceName:
        """Put together a name that came in separate fields; the provider is Telnyx when none is given.

        Raises:
            InvalidVoice: no voice id, a control character, or over 200 characters.
        """
        name = cls((provider or "Telnyx").strip(), (model or "").strip(), (voice_id or "").strip())
        if not name.voice_id:
            raise InvalidVoice("A voice id is needed when no voice is named", field="voice_id")
        _check_characters(str(name))
        return name

    def __str__(self) -> str:
        middle = f"{self.model}." if self.model else ""
        return f"{self.provider}.{middle}{self.voice_id}"


def _check_characters(name: str) -> None:
    # Names go into response headers and logs.
    if len(name) > MAX_NAME_CHARACTERS or not name.isprintable():
        raise InvalidVoice(
            f"A voice's name has at most {MAX_NAME_CHARACTERS} printable characters", field="voice"
        )


DEFAULT_VOICE: Final = VoiceName("Telnyx", "NaturalHD", "astra")
"""Used everywhere when none is asked for (source: Telnyx docs)."""


@dataclass(frozen=True, slots=True)
class Voice:
    """What the catalogue knows of a voice.

    Attributes:
        name: compound name, spelled canonically.
        label: how to show it to people.
        languages: BCP-47 tags, the first the main one.
        gender: as the vendor documents it.
        hosted: spoken by its own provider here (True) or by a stand-in (False).
        rate_hz: the rate the provider makes, 0 when it varies.
        accent: in words, where a vendor gives one beyond the language tag.
        slot: a number of its own among the voices of one model, language and gender; stand-ins differ by it.
        facts: what is known about its model.
    """

    name: VoiceName
    label: str
    languages: tuple[str, ...]
    gender: Gender = Gender.UNKNOWN
    hosted: bool = False
    rate_hz: int = 0
    accent: str = ""
    slot: int = 0
    facts: ModelFacts = NOTHING_KNOWN

    def record(self) -> dict[str, str | bool]:
        """Make the record of a voice list, as clients in the field read it.

        The union of what Telnyx's SDK (``provider name voice_id language gender hosted``) and live clients
        (``id name provider model_id language gender label accent``) expect (source: Telnyx docs, list
        available voices). ``provider`` is in lower case, as in the query that filters by it.
        """
        record: dict[str, str | bool] = {
            "id": str(self.name),
            "name": self.label,
            "provider": self.name.provider.lower(),
            "model_id": self.name.model,
            "voice_id": self.name.voice_id,
            "language": self.languages[0] if self.languages else "",
            "gender": self.gender.value,
            "hosted": self.hosted,
            "label": self.label,
        }
        if self.accent:
            record["accent"] = self.accent
        return record
