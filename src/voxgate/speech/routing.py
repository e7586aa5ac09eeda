"""Which provider speaks a voice.

A voice is spoken by its own provider when that provider is here. Otherwise a local stand-in speaks in the
same language, unless the settings forbid it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from voxgate.errors import InvalidVoice
from voxgate.providers.registry import ProviderRegistry
from voxgate.speech.candidate import Candidate
from voxgate.speech.catalogue import Catalogue
from voxgate.speech.utterance import SpeechSettings, Utterance
from voxgate.speech.voice import Voice, VoiceName


@dataclass(frozen=True, slots=True)
class StandInVoice:
    """The local voice that speaks for one whose provider is not here.

    Attributes:
        name: of a voice of a provider that is here.
        pitch_semitones: added to what the caller asks, so that stand-ins can be told apart.
        speed: multiplied with what the caller asks, likewise.
    """

    name: VoiceName
    pitch_semitones: float = 0.0
    speed: float = 1.0


FindStandIn = Callable[[Voice, str | None], StandInVoice]
"""Names the stand-in for a voice; the second argument is the language asked for, if any."""


class Router:
    """Decides who speaks.

    Args:
        catalogue: what voices there are.
        registry: what providers are here.
        find_stand_in: the table of stand-ins; None forbids standing in.
    """

    def __init__(
        self, catalogue: Catalogue, registry: ProviderRegistry, find_stand_in: FindStandIn | None
    ) -> None:
        self.catalogue = catalogue
        self._registry = registry
        self._find_stand_in = find_stand_in

    def admit(self, name: VoiceName, *, identity_verified: bool = False) -> Voice:
        """Judge a voice before anything is promised; ``hosted`` says whether its own provider is here.

        Raises:
            InvalidVoice: no such provider, absent from a closed list, or nobody here can speak it and
                standing in is switched off.
            NotPermitted: a cloned voice, and the caller's identity is not verified.
        """
        voice = self.catalogue.find(name, identity_verified=identity_verified)
        hosted = self._registry.find(voice.name) is not None
        if not hosted and self._find_stand_in is None:
            raise InvalidVoice(
                f"{voice.name.provider} is not set up on this server, and stand-ins are switched off",
                field="voice",
            )
        return replace(voice, hosted=hosted)

    def spoken_by(self, voice: Voice, language: str | None = None) -> VoiceName:
        """Name the voice that will be heard: the same, or its stand-in."""
        if voice.hosted or self._find_stand_in is None:
            return voice.name
        return self._find_stand_in(voice, language).name

    def candidates(self, utterance: Utterance) -> Sequence[Candidate]:
        """List who can speak ``utterance``, best first; never empty.

        Raises:
            InvalidVoice: nobody can.
        """
        own = self._registry.find(utterance.voice)
        if own is not None:
            return (Candidate(own, utterance, stand_in=False),)
        voice = self.admit(utterance.voice, identity_verified=True)
        assert self._find_stand_in is not None  # noqa: S101 - admit has refused otherwise
        other = self._find_stand_in(voice, utterance.language)
        provider = self._registry.find(other.name)
        if provider is None:
            raise InvalidVoice(f"No provider here speaks {voice.name}", field="voice")
        settings = _adjusted(utterance.settings, other)
        return (Candidate(provider, replace(utterance, voice=other.name, settings=settings), stand_in=True),)


def _adjusted(settings: SpeechSettings, other: StandInVoice) -> SpeechSettings:
    return replace(
        settings,
        speed=settings.speed * other.speed,
        pitch_semitones=settings.pitch_semitones + other.pitch_semitones,
    )
