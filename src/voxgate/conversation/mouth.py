"""An agent's voice: sentences in, 20 ms frames of 16 kHz PCM out, at the pace at which they are heard.

Sentences of a reply are synthesized ahead (the one being played and the next) and played in order without
a gap. Frames leave on absolute deadlines with a small lead, so that when the caller speaks up there is
little left that cannot be recalled. What was heard is what was sent, less that lead.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from voxgate.audio.pace import Pacer
from voxgate.audio.resample import Resampler
from voxgate.clock import Clock
from voxgate.errors import IncompleteAudio, VoxgateError
from voxgate.providers.contract import WordTime
from voxgate.speech.speaker import Speaker
from voxgate.speech.stream import SpeechStream
from voxgate.speech.utterance import Utterance

log = structlog.get_logger()

RATE_HZ = 16_000
FRAME_MS = 20
FRAME_BYTES = RATE_HZ * FRAME_MS // 1000 * 2
SAMPLES_PER_MS = RATE_HZ // 1000
LEAD_S = 0.06
AHEAD = 2
"""Sentences that are synthesized at once: the one being played and the next."""
MAX_SENTENCES = 500
"""Of one reply that may wait; a model that never ends is cut off here."""
_GUESSED_CHARACTERS_PER_S = 14.0


@dataclass(slots=True)
class _Sentence:
    """One sentence of a reply, and where it is in what was played."""

    number: int
    utterance: Utterance
    stream: SpeechStream | None = None
    words: list[WordTime] = field(default_factory=list)
    begin_sample: int | None = None
    end_sample: int | None = None
    tried_again: bool = False

    def heard_characters(self, heard_sample: int) -> int:
        """How much of the text was heard when ``heard_sample`` of the reply was."""
        if self.begin_sample is None or heard_sample <= self.begin_sample:
            return 0
        length = len(self.utterance.text)
        at_s = (heard_sample - self.begin_sample) / RATE_HZ
        if self.words:
            begun = [word for word in self.words if word.at_s < at_s]
            following = [word for word in self.words if word.at_s >= at_s]
            if not following:
                return length
            # A word counts when the next one has begun.
            return begun[-1].text_start if begun else 0
        if self.end_sample is not None and self.end_sample > self.begin_sample:
            share = (heard_sample - self.begin_sample) / (self.end_sample - self.begin_sample)
            return min(length, int(length * share))
        return min(length, int(at_s * _GUESSED_CHARACTERS_PER_S))


@dataclass(frozen=True, slots=True)
class Heard:
    """How much of the current reply was heard; see `voxgate.conversation.turn.Progress`."""

    sentence: int
    characters: int


class Mouth:
    """Speaks one reply at a time.

    Args:
        speaker: makes speech.
        clock: time.
        send: takes each frame of 640 bytes; waits while the client does not read.
        on_heard: told when a sentence was heard to its end.
        on_first_frame: told when the first frame of a reply was sent.
        on_sentence: told the number and text of each sentence when it begins to play.
        on_words: told the words of a sentence as they become known, where the voice gives them.
        on_failure: told when a sentence could not be spoken.
    """

    def __init__(
        self,
        speaker: Speaker,
        clock: Clock,
        send: Callable[[bytes], Awaitable[None]],
        *,
        on_heard: Callable[[Heard], None],
        on_first_frame: Callable[[], None],
        on_sentence: Callable[[int, str], None],
        on_words: Callable[[int, tuple[WordTime, ...]], None],
        on_failure: Callable[[VoxgateError], None],
    ) -> None:
        self._speaker, self._clock, self._send = speaker, clock, send
        self._on_heard, self._on_first_frame = on_heard, on_first_frame
        self._on_sentence, self._on_words, self._on_failure = on_sentence, on_words, on_failure
        self._begin()
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name="mouth")

    def _begin(self) -> None:
        self._waiting: deque[_Sentence] = deque()
        self._unheard: deque[_Sentence] = deque()
        self._pacer = Pacer(LEAD_S)
        self._sent_samples = 0
        self._resampler: Resampler | None = None
        self._rest = b""
        self._generation = object()

    def say(self, number: int, utterance: Utterance) -> None:
        """Speak a sentence after those said before."""
        if len(self._waiting) >= MAX_SENTENCES:
            log.warning("reply_cut", reason="too many sentences wait to be spoken")
            return
        self._waiting.append(_Sentence(number, utterance))
        self._speak_ahead()
        self._changed.set()

    def stop(self) -> None:
        """Fall silent at once: no frame is sent after this returns."""
        for sentence in self._waiting:
            if sentence.stream is not None:
                sentence.stream.cancel()
        self._begin()
        self._changed.set()

    def heard(self) -> Heard:
        """Tell how much of the reply was heard by now."""
        heard_sample = self._heard_sample()
        for sentence in self._unheard:
            if sentence.end_sample is None or heard_sample < sentence.end_sample:
                return Heard(sentence.number, sentence.heard_characters(heard_sample))
        if self._unheard:
            return Heard(self._unheard[-1].number + 1, 0)
        return Heard(self._waiting[0].number if self._waiting else 0, 0)

    async def aclose(self) -> None:
        """Fall silent for good."""
        self.stop()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _heard_sample(self) -> int:
        return self._sent_samples - int(self._pacer.ahead_s(self._clock.now_s()) * RATE_HZ)

    def _speak_ahead(self) -> None:
        for sentence in list(self._waiting)[:AHEAD]:
            if sentence.stream is None:
                sentence.stream = self._speaker.speak(sentence.utterance)
                sentence.stream.watch(self._changed.set)

    async def _run(self) -> None:
        while True:
            self._note_heard()
            if self._waiting:
                await self._play(self._waiting[0])
            elif self._unheard:
                # All is sent; the listener has a moment of it still to hear.
                await self._clock.sleep(max(0.001, self._pacer.ahead_s(self._clock.now_s())))
            else:
                await self._changed.wait()
                self._changed.clear()

    def _note_heard(self) -> None:
        heard_sample = self._heard_sample()
        while self._unheard:
            sentence = self._unheard[0]
            if sentence.end_sample is None or heard_sample < sentence.end_sample:
                return
            self._unheard.popleft()
            self._on_heard(Heard(sentence.number + 1, 0))

    async def _play(self, sentence: _Sentence) -> None:
        """Play what there is of the first waiting sentence, or wait for more of it."""
        stream = sentence.stream
        assert stream is not None  # noqa: S101 - the first sentence is always being spoken
        chunk = stream.take(FRAME_MS * 5)
        if chunk is None and not stream.over:
            await self._changed.wait()
            self._changed.clear()
            return
        if sentence.begin_sample is None:
            self._note_begin(sentence)
        if chunk is not None:
            if chunk.words:
                sentence.words.extend(chunk.words)
                self._on_words(sentence.number, chunk.words)
            self._resampler = self._resampler or Resampler(chunk.rate_hz, RATE_HZ)
            await self._send_frames(self._resampler.feed(chunk.pcm))
        elif stream.error is not None:
            self._fail(sentence, stream.error)
        else:
            await self._finish(sentence)

    def _note_begin(self, sentence: _Sentence) -> None:
        sentence.begin_sample = self._sent_samples + len(self._rest) // 2
        self._unheard.append(sentence)
        self._on_sentence(sentence.number, sentence.utterance.text)

    def _fail(self, sentence: _Sentence, error: VoxgateError) -> None:
        """Try a sentence of which nothing was heard once more."""
        nothing_heard = sentence.stream is not None and sentence.stream.first_audio_ms is None
        may_pass = error.retryable or isinstance(error, IncompleteAudio)
        if nothing_heard and may_pass and not sentence.tried_again:
            sentence.tried_again, sentence.stream = True, None
            self._speak_ahead()
            return
        log.warning("speech_failed", code=error.code)
        self._on_heard(self.heard())
        self.stop()
        self._on_failure(error)

    async def _finish(self, sentence: _Sentence) -> None:
        generation = self._generation
        if self._resampler is not None:
            await self._send_frames(self._resampler.flush())
            self._resampler = None
        if generation is not self._generation:
            return
        self._waiting.popleft()
        self._speak_ahead()
        if not self._waiting and self._rest:
            await self._send_frames(bytes(FRAME_BYTES - len(self._rest)))
        if generation is self._generation:
            sentence.end_sample = self._sent_samples

    async def _send_frames(self, pcm: bytes) -> None:
        """Send whole frames at their time; stop when the reply is stopped meanwhile."""
        generation = self._generation
        data = self._rest + pcm
        whole = len(data) // FRAME_BYTES * FRAME_BYTES
        self._rest = data[whole:]
        for begin in range(0, whole, FRAME_BYTES):
            now_s = self._clock.now_s()
            due_s = self._pacer.due_s(FRAME_MS / 1000, now_s)
            if due_s > now_s:
                await self._clock.sleep(due_s - now_s)
            if generation is not self._generation:
                return
            first = self._sent_samples == 0
            await self._send(data[begin : begin + FRAME_BYTES])
            if generation is not self._generation:
                return
            self._sent_samples += FRAME_MS * SAMPLES_PER_MS
            if first:
                self._on_first_frame()
            self._note_heard()
