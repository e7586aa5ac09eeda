"""Which provider speaks a voice, and who instead of it.

A voice is spoken by its own provider when that provider is here. Behind it stand, in order, those whom the
table ``[routing]`` of the settings names for it: another vendor's voice, another vendor (whose voice of the
same language and gender is taken, `voxgate.speech.equivalents`), or the local stand-in. They speak while
nothing was heard and the ones before them fail. A voice whose provider is not here is spoken by the local
stand-in in the same language, unless the settings forbid it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from voxgate.audio.format import AudioFormat
from voxgate.errors import ConfigurationError, InvalidVoice, RequestError
from voxgate.providers.registry import ProviderRegistry
from voxgate.speech.candidate import Candidate
from voxgate.speech.catalogue import Catalogue
from voxgate.speech.equivalents import equivalent
from voxgate.speech.fallbacks import NO_FALLBACKS, STAND_IN, Fallbacks
from voxgate.speech.pieces import PIECE_CHARACTERS, cut
from voxgate.speech.utterance import Markup, SpeechSettings, Utterance
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

_REMEMBERED = 4096
"""Equivalents of voices that are not looked for again."""


class Router:
    """Decides who speaks.

    Args:
        catalogue: what voices there are.
        registry: what providers are here.
        find_stand_in: the table of stand-ins; None forbids standing in.
        fallbacks: who speaks for whom.

    Raises:
        ConfigurationError: a fallback is neither a voice, nor a provider, nor the stand-in.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        registry: ProviderRegistry,
        find_stand_in: FindStandIn | None,
        fallbacks: Fallbacks = NO_FALLBACKS,
    ) -> None:
        self.catalogue = catalogue
        self._registry = registry
        self._find_stand_in = find_stand_in
        self._fallbacks = fallbacks
        self._equals: dict[tuple[str, VoiceName, str | None], VoiceName | None] = {}
        for name in fallbacks.names():
            self._check(name)

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

    def _check(self, name: str) -> None:
        try:
            if "." in name:
                self.catalogue.find(VoiceName.parse(name), identity_verified=True)
            elif name.lower() != STAND_IN:
                self.catalogue.provider(name)
        except RequestError as error:
            raise ConfigurationError(f"routing names {name}: {error.message}") from None

    def speaks(self, provider: str) -> bool:
        """Whether a provider, by its name, is here."""
        return any(each.name == provider for each in self._registry)

    def takes_text(self, voice: VoiceName) -> bool:
        """Whether a voice's own provider is here and takes text while it is being written."""
        own = self._registry.find(voice)
        return own is not None and own.abilities(voice).text_stream

    def parts(
        self,
        utterance: Utterance,
        target: AudioFormat,
        language: str | None = None,
        *,
        stretch: float = 1.0,
        piece_characters: int = PIECE_CHARACTERS,
    ) -> Iterator[Utterance]:
        """Say what to speak, one after the other, so that a whole text comes out as one stream.

        Where the voice's own provider makes whole replies in the very format that is wanted, that is the
        text as one, and the provider's file may pass through untouched. Else it is cut where sentences end,
        so that it is heard soon. SSML is never cut.

        Args:
            utterance: the whole text.
            target: what the client gets; without a bit rate, any will do.
            language: of the text, for sentence ends.
            stretch: ratio of speeds by which its audio will be stretched.
            piece_characters: about how much is spoken at a time.
        """
        own = self._registry.find(utterance.voice)
        can = own.abilities(utterance.voice) if own is not None else None
        fitting = _fitting(can.formats, target) if can is not None and stretch == 1.0 else None
        if can is not None and fitting is not None:
            most = can.max_characters
            if not most or len(utterance.text) <= most:
                yield replace(utterance, passthrough=fitting)
                return
        if utterance.markup is Markup.SSML:
            yield utterance
            return
        for piece in cut(utterance.text, language, piece_characters):
            yield replace(utterance, text=piece)

    def candidates(self, utterance: Utterance) -> Sequence[Candidate]:
        """List who can speak ``utterance``, best first; never empty.

        Raises:
            InvalidVoice: nobody can.
        """
        own = self._registry.find(utterance.voice)
        names = self._fallbacks.of(utterance.voice)
        if own is not None and not names:
            return (Candidate(own, utterance, stand_in=False),)
        voice = self.admit(utterance.voice, identity_verified=True)
        found = [] if own is None else [Candidate(own, utterance, stand_in=False)]
        found += [each for name in names if (each := self._fallback(name, voice, utterance)) is not None]
        if own is None and STAND_IN not in map(str.lower, names):
            found += filter(None, [self._stand_in(voice, utterance)])
        if not found:
            raise InvalidVoice(f"No provider here speaks {voice.name}", field="voice")
        return found

    def _fallback(self, name: str, voice: Voice, utterance: Utterance) -> Candidate | None:
        """Find who a fallback is; None when it is not here, or is the voice itself."""
        if name.lower() == STAND_IN:
            return self._stand_in(voice, utterance)
        if "." in name:
            other = self.catalogue.find(VoiceName.parse(name), identity_verified=True).name
        else:
            equal = self._equivalent(name, voice, utterance.language)
            if equal is None:
                return None
            other = equal
        provider = self._registry.find(other)
        if provider is None or other == utterance.voice:
            return None
        # A vendor's own fields mean nothing to another vendor, and its files are not another's.
        settings = replace(utterance.settings, extra=())
        spoken = replace(utterance, voice=other, settings=settings, passthrough=None)
        return Candidate(provider, spoken, stand_in=True)

    def _equivalent(self, provider: str, voice: Voice, language: str | None) -> VoiceName | None:
        key = provider, voice.name, language
        if key not in self._equals:
            if len(self._equals) >= _REMEMBERED:
                self._equals.clear()
            equal = equivalent(voice, self.catalogue.voices(provider=provider), language)
            self._equals[key] = None if equal is None else equal.name
        return self._equals[key]

    def _stand_in(self, voice: Voice, utterance: Utterance) -> Candidate | None:
        if self._find_stand_in is None:
            return None
        other = self._find_stand_in(voice, utterance.language)
        provider = self._registry.find(other.name)
        if provider is None:
            return None
        settings = _adjusted(utterance.settings, other)
        spoken = replace(utterance, voice=other.name, settings=settings, passthrough=None)
        return Candidate(provider, spoken, stand_in=True)


def _fitting(made: Sequence[AudioFormat], target: AudioFormat) -> AudioFormat | None:
    """Find the format that is exactly the asked one; where no bit rate is asked for, the best bit rate."""
    if target in made:
        return target
    alike = [each for each in made if replace(each, bit_rate_kbps=None) == target]
    return max(alike, key=lambda each: each.bit_rate_kbps or 0, default=None)


def _adjusted(settings: SpeechSettings, other: StandInVoice) -> SpeechSettings:
    return replace(
        settings,
        speed=settings.speed * other.speed,
        pitch_semitones=settings.pitch_semitones + other.pitch_semitones,
    )
