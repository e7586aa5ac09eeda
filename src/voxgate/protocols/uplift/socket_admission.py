"""Judges one request: its voice, its phrase replacements, and whether its key may still have it spoken."""

from __future__ import annotations

from dataclasses import dataclass

from voxgate.access.browser_tokens import Budget, Grant
from voxgate.access.quota import Spending
from voxgate.protocols.uplift.formats import audio_format
from voxgate.protocols.uplift.messages import Synthesize
from voxgate.protocols.uplift.socket_speech import SpeechPlan
from voxgate.protocols.uplift.voices import voice_name
from voxgate.services import Services
from voxgate.speech.catalogue import LOCAL
from voxgate.speech.delivery import split_speed
from voxgate.speech.lexicon import Lexicon
from voxgate.speech.pieces import PIECE_CHARACTERS
from voxgate.speech.utterance import SpeechSettings, Utterance
from voxgate.speech.voice import Voice

LOCAL_PIECE_CHARACTERS = 90
"""What a local engine speaks at a time: as audio it is not much more than may wait for a reader, so that a
slow one hardly ever keeps an engine from its next job."""


@dataclass(frozen=True, slots=True)
class Admission:
    """A request that may be spoken.

    Attributes:
        plan: how.
        characters: that were taken for it.
        spending: from the day's.
        budget: from a browser token's.
    """

    plan: SpeechPlan
    characters: int
    spending: Spending
    budget: Budget

    def refund(self) -> None:
        """Give the characters back. To be called at most once."""
        self.spending.refund()
        self.budget.refund(self.characters)


class Judge:
    """Judges the requests of one connection.

    Args:
        services: what the server has.
        grant: what the client may do.
    """

    def __init__(self, services: Services, grant: Grant) -> None:
        self._services = services
        self._grant = grant

    def judge_now(self, message: Synthesize) -> Admission | None:
        """Judge without waiting; None when that cannot be done.

        Raises:
            VoxgateError: as `judge`.
        """
        voice = self._voice(message.voice_id)
        if message.lexicon_id is not None:
            return None
        characters = len(message.text)
        self._grant.budget.spend(characters)
        spending = self._services.quota.spend_now(self._grant.key, characters)
        if spending is None:
            self._grant.budget.refund(characters)
            return None
        return self._admission(message, voice, None, spending)

    async def judge(self, message: Synthesize) -> Admission:
        """Judge, waiting for the database where that is needed.

        Raises:
            InvalidVoice: there is no such voice.
            NotPermitted: not for this key, or not for this token.
            InvalidRequest: there are no such phrase replacements.
            RateLimited: the day's characters are used up.
            Overloaded: they cannot be counted.
        """
        voice = self._voice(message.voice_id)
        lexicon = await self._services.lexicons.asked_for(
            self._grant.key.tenant, message.lexicon_id, field="phraseReplacementConfigId"
        )
        characters = len(message.text)
        self._grant.budget.spend(characters)
        try:
            spending = await self._services.quota.spend(self._grant.key, characters)
        except BaseException:  # whatever it was, a cancel included, is raised again
            self._grant.budget.refund(characters)
            raise
        return self._admission(message, voice, lexicon, spending)

    def _voice(self, voice_id: str | None) -> Voice:
        name = voice_name(voice_id, self._services.settings.uplift.default_voice)
        voice = self._services.router.admit(name, identity_verified=self._grant.key.identity_verified)
        self._grant.check_voice(voice.name)
        return voice

    def _admission(
        self, message: Synthesize, voice: Voice, lexicon: Lexicon | None, spending: Spending
    ) -> Admission:
        settings = self._services.settings.uplift
        speed, stretch = split_speed(message.speed)
        spoken_by = self._services.router.spoken_by(voice)
        utterance = Utterance(
            message.text,
            voice.name,
            self._grant.key.tenant,
            settings=SpeechSettings(speed=speed),
            lexicon=lexicon,
        )
        target = audio_format(message.output_format, wide_wav_bits=settings.wide_wav_bits)
        parts = self._services.router.parts(
            utterance,
            target,
            voice.languages[0] if voice.languages else None,
            stretch=stretch,
            piece_characters=LOCAL_PIECE_CHARACTERS if spoken_by.provider == LOCAL else PIECE_CHARACTERS,
        )
        plan = SpeechPlan(parts, target, stretch)
        return Admission(plan, len(message.text), spending, self._grant.budget)
