"""A session's ears: microphone windows in, turn events out.

Each window is judged by `voxgate.conversation.activity`; where speech begins, a segment begins, with a
little of what came before it, and a recognizer reads it while it grows. Failures are retried once from
the top of the segment; a segment that cannot be recognized is reported, and never holds up the turn.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import structlog

from voxgate.clock import Clock
from voxgate.conversation.activity import Judges
from voxgate.conversation.endpoint import WINDOW_MS, Endpointer, Offset, Onset
from voxgate.conversation.finishing import Finisher
from voxgate.conversation.recognizing import Recognizer, Segment
from voxgate.conversation.turn import Judged, SpeechGoesOn, SpeechStarted, SpeechStopped, Transcript
from voxgate.errors import EngineCrashed, VoxgateError

log = structlog.get_logger()

PRE_ROLL_MS = 224
"""Heard before the onset: soft first sounds are not yet likely speech."""
MAX_RECOGNIZING = 4
"""Segments of one session that may be recognized at once; a further one is dropped."""

HearingEvent = SpeechStarted | SpeechGoesOn | SpeechStopped | Transcript | Judged


class Hearing:
    """Listens to one caller.

    Args:
        activity: judges windows.
        recognizer: turns segments into text.
        clock: time; events carry its milliseconds.
        on_event: takes each event, in order, on the loop.
        on_failure: told when hearing is lost for good, or a segment failed twice.
        finisher: judges by the sound whether the caller has finished, where there is one.
    """

    def __init__(
        self,
        activity: Judges,
        recognizer: Recognizer,
        clock: Clock,
        on_event: Callable[[HearingEvent], None],
        on_failure: Callable[[VoxgateError], None],
        finisher: Finisher | None = None,
    ) -> None:
        self._recognizer, self._finisher, self._clock = recognizer, finisher, clock
        self._on_event, self._on_failure = on_event, on_failure
        self._endpointer = Endpointer()
        self._recent: deque[bytes] = deque(maxlen=PRE_ROLL_MS // WINDOW_MS + 3)
        self._segments = 0
        self._segment: Segment | None = None
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._stream = activity.open(self._judged, self._lost)

    @property
    def speaking(self) -> bool:
        """Whether the caller is speaking now."""
        return self._endpointer.speaking

    def feed(self, window: bytes) -> None:
        """Take the next 32 ms of the microphone."""
        self._stream.feed(window, speaking=self._endpointer.speaking)

    def drop(self, number: int) -> None:
        """Forget a segment: it was no turn."""
        task = self._tasks.pop(number, None)
        if task is not None:
            task.cancel()

    async def aclose(self) -> None:
        """Stop listening."""
        self._stream.close()
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _judged(self, window: bytes, probability: float) -> None:
        self._recent.append(window)
        event = self._endpointer.judge(probability)
        if isinstance(event, Onset):
            self._begin(self._time_of(event.at_ms))
        elif self._segment is not None:
            self._segment.add(window)
            if self._segment.full:
                # Go on in a new segment, as if between two words.
                now_ms = self._clock.now_s() * 1000
                self._end(now_ms)
                self._begin(now_ms)
        if isinstance(event, Offset):
            self._end(self._time_of(event.at_ms))
        elif self._segment is not None:
            spoken_ms = self._endpointer.spoken_ms
            self._on_event(SpeechGoesOn(self._clock.now_s() * 1000, self._segment.number, spoken_ms))

    def _time_of(self, at_ms: int) -> float:
        """When a moment of the stream was: windows are judged soon after they were spoken."""
        return self._clock.now_s() * 1000 - (self._endpointer.at_ms - at_ms)

    def _begin(self, at_ms: float) -> None:
        if len(self._tasks) >= MAX_RECOGNIZING:
            log.warning("segment_dropped", reason="too many are being recognized")
            return
        self._segments += 1
        segment = self._segment = Segment(self._segments)
        for window in self._recent:
            segment.add(window)
        self._recent.clear()
        task = asyncio.create_task(self._understand(segment), name=f"recognize-{segment.number}")
        self._tasks[segment.number] = task
        self._on_event(SpeechStarted(at_ms, segment.number))

    def _end(self, at_ms: float) -> None:
        segment, self._segment = self._segment, None
        if segment is not None:
            segment.end()
            self._on_event(SpeechStopped(at_ms, segment.number))

    async def _understand(self, segment: Segment) -> None:
        """Find out what was said and, at the same time, whether that was all."""
        if self._finisher is None:
            await self._recognize(segment)
            return
        async with asyncio.TaskGroup() as both:
            both.create_task(self._judge_end(segment, self._finisher))
            both.create_task(self._recognize(segment))

    async def _judge_end(self, segment: Segment, finisher: Finisher) -> None:
        try:
            finished = await finisher.finished(segment)
        except VoxgateError as error:
            # Words and silence decide without it, as they do where there is no model.
            log.warning("turn_model_failed", code=error.code)
            return
        self._on_event(Judged(self._clock.now_s() * 1000, segment.number, finished))

    async def _recognize(self, segment: Segment) -> None:
        text, failure = "", None
        for attempt in (1, 2):
            try:
                text = await self._recognizer.recognize(segment)
                failure = None
                break
            except VoxgateError as error:
                log.warning("recognizer_failed", code=error.code, attempt=attempt)
                failure = error
                if not error.retryable:
                    break
        if self._tasks.pop(segment.number, None) is None:
            return  # dropped meanwhile
        # The turn is told in any case: it waits for this transcript.
        self._on_event(Transcript(self._clock.now_s() * 1000, segment.number, text))
        if failure is not None:
            self._on_failure(failure)

    def _lost(self, failure: EngineCrashed) -> None:
        self._end(self._clock.now_s() * 1000)
        self._on_failure(failure)
