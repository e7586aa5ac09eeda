"""Names of voices, and what is known about each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from voxgate.errors import InvalidVoice


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
    dots of its own (``speech-2.8-turbo``), between them (source: Telnyx voice ids, contract section 1.1).

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
        """Split a compound name; raises `InvalidVoice` when it has fewer than two non-empty parts."""
        provider, dot, rest = text.strip().partition(".")
        model, _, voice_id = rest.rpartition(".")
        if not dot or not provider or not voice_id or (rest.count(".") and not model):
            raise InvalidVoice(
                "A voice is named Provider.Model.VoiceId, for example Telnyx.NaturalHD.astra", field="voice"
            )
        return cls(provider, model, voice_id)

    def __str__(self) -> str:
        middle = f"{self.model}." if self.model else ""
        return f"{self.provider}.{middle}{self.voice_id}"


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
    """

    name: VoiceName
    label: str
    languages: tuple[str, ...]
    gender: Gender = Gender.UNKNOWN
    hosted: bool = False
    rate_hz: int = 0
