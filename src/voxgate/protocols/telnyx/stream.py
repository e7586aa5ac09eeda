"""One session of the Telnyx text-to-speech WebSocket, as a pure machine.

Events go in, each with the time it happened; effects come out, to be carried out in order. Frames leave in
the order of their `Send` effects. No event is ever an error: one that comes too late changes nothing.

Phases
    WAITING   for the init frame; anything else is an invalid message.
    OPEN      text comes in, is cut into utterances, and is spoken.
    ENDING    nothing more is taken in; what is left is spoken. The client sent ``{"text": ""}``, was silent
              for too long, or the server is about to stop.
    CLOSED    nothing more happens.

At most ``1 + AHEAD`` utterances are being synthesized at a time. Audio is taken from the first of them, the
head, and from no other. The audio from the first byte to a final, an idle moment or an interruption is a
run, for which whoever carries out the effects keeps one encoder: `EndRun` asks it for the rest of the audio,
which comes back as `RunEnded`; `DropRun` throws it away, with every frame that was not written yet.
In concatenated delivery each utterance is a run of its own, so that its one frame holds all of its audio.

A voice may take text as it is written (``relay``). Then an utterance is open from its first words on: `Write`
goes on with it, and `EndText` comes where the client flushes, or a sentence ends and nothing follows.

Invariants, kept whatever comes in and in whatever order
    1. Audio leaves in the order of the text: all frames of an utterance before any of the next, and its
       text once, after its audio or (concatenated) on its first audio frame.
    2. After the end frame there is exactly one final, and `Close` follows it at once; unless a fault or the
       server's deadline closes the session before.
    3. After an interruption nothing from before it is sent, no final for it either.
    4. Every `Speak` comes to exactly one end: it ended, it failed, or there is a `Cancel` for it. At most
       ``1 + AHEAD`` are open at a time.
    5. Text is neither lost nor doubled: what the intake gives out is spoken, once and in order, until an
       interruption or a fault.
    6. Everything ends: when all that was asked for has been answered, `Close` comes after the end frame,
       and after ``inactivity_timeout_s`` without one. After `Close` nothing comes out.
    7. In mid-session a final comes only when nothing is buffered, queued or running, something was spoken
       since the last one, and ``final_quiet_s`` have passed since the later of the last frame, either way,
       and the end of playout.
    8. Before a final, and before an error of the engine, all audio made so far has been sent.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from voxgate.errors import InvalidRequest, VoxgateError
from voxgate.protocols.telnyx import faults
from voxgate.protocols.telnyx.backlog import Backlog
from voxgate.protocols.telnyx.events import (
    Audio,
    Begin,
    Cancel,
    ClientGone,
    Close,
    Denied,
    DropRun,
    Effect,
    Ended,
    EndRun,
    EndText,
    Event,
    Failed,
    Received,
    RunEnded,
    Send,
    ServerClosed,
    ServerClosing,
    Speak,
    StreamSettings,
    Tick,
    WakeAt,
    Write,
)
from voxgate.protocols.telnyx.faults import Fault, fault_of
from voxgate.protocols.telnyx.frames import (
    MAX_AUDIO_BYTES,
    ClientFrame,
    ErrorFrame,
    FinalFrame,
    Malformed,
    ServerFrame,
    audio_frames,
)
from voxgate.protocols.telnyx.handshake import SpeechPlan
from voxgate.protocols.telnyx.intake import END, open_intake
from voxgate.protocols.telnyx.running import Phase, RunningUtterance
from voxgate.speech.sentences import speakable
from voxgate.speech.utterance import Markup

AHEAD = 1
"""Utterances that are synthesized while another is being sent."""
_SLACK_S = 0.001
"""By which a timer may be early."""
_MAX_REASON_BYTES = 123  # RFC 6455, 5.5.1


Agree = Callable[[Mapping[str, Any]], SpeechPlan]
"""Settles how to speak, given ``voice_settings``; raises `InvalidRequest`."""


class TelnyxStream:
    """The machine. See the module.

    Args:
        settings: what the session is held to.
        agree: settles how to speak, when the init frame has come.
        now_s: when the session began.
    """

    def __init__(self, settings: StreamSettings, agree: Agree, now_s: float) -> None:
        self.phase = Phase.WAITING
        self._settings = settings
        self._agree = agree
        self._effects: list[Effect] = []
        # Text on its way: the backlog, then what is being synthesized, the head first.
        self._backlog = Backlog(open_intake(Markup.TEXT, settings.language))
        self._relay = False
        self._running: deque[RunningUtterance] = deque()
        self._last_number = 0
        self._run = 1
        self._run_open = False
        self._run_ending = False
        self._spoken = False  # since the last final
        self._close_code = faults.NORMAL
        self._final_wanted = True
        self._now_s = self._received_s = self._sent_s = self._idle_since_s = self._playout_end_s = now_s
        self._quiet_at_s = math.inf
        self._armed_s = math.inf

    @property
    def utterances(self) -> int:
        """How many were begun."""
        return self._last_number

    def head(self, now_s: float) -> int | None:
        """Name the utterance whose audio is wanted now, or None when none is."""
        if self._run_ending or not self._running or self._running[0].over:
            return None
        return self._running[0].number if now_s >= self._resume_at_s() - _SLACK_S else None

    def handle(self, event: Event) -> list[Effect]:
        """Take one event; return what is to be done, in order."""
        if self.phase is Phase.CLOSED:
            return []
        self._now_s = event.now_s
        match event:
            case Received(_, frame):
                self._on_frame(frame)
            case Audio():
                self._on_audio(event)
            case Ended(_, number):
                self._on_over(number, None)
            case Failed(_, number, error):
                self._on_over(number, error)
            case RunEnded(_, run, data):
                self._on_run_ended(run, data)
            case Tick():
                self._armed_s = math.inf
                self._cut()
            case ServerClosing():
                self._on_server_closing()
            case ServerClosed():
                self._leave()
            case Denied(_, error):
                self._abort(faults.denied(error))
            case ClientGone():
                self._cancel_all()
                self.phase = Phase.CLOSED
        self._settle()
        effects, self._effects = self._effects, []
        return effects

    # What the client says.

    def _on_frame(self, frame: ClientFrame | Malformed) -> None:
        self._received_s = self._now_s
        if self.phase is Phase.ENDING:
            if isinstance(frame, ClientFrame) and frame.force:
                self._interrupt()
        elif isinstance(frame, Malformed):
            self._abort(faults.INVALID_MESSAGE)
        elif self.phase is Phase.WAITING:
            self._on_init(frame)
        else:
            self._on_text(frame)

    def _on_init(self, frame: ClientFrame) -> None:
        if not frame.text or not frame.text.isspace():
            self._abort(faults.INVALID_MESSAGE)
            return
        try:
            plan = self._agree(frame.voice_settings or {})
        except InvalidRequest as error:
            self._abort(fault_of(error))
            return
        self.phase = Phase.OPEN
        language = plan.language or self._settings.language
        self._relay = self._settings.relay and plan.markup is Markup.TEXT
        self._backlog = Backlog(open_intake(plan.markup, language, relay=self._relay))
        self._effects.append(Begin(plan))

    def _on_text(self, frame: ClientFrame) -> None:
        if frame.force:
            self._interrupt()
        if frame.text == "":
            self._end(faults.NORMAL)
            return
        if frame.text:
            limit = self._settings.max_buffered_characters
            running = sum(len(utterance.text) for utterance in self._running)
            if self._backlog.characters + running + len(frame.text) > limit:
                self._abort(faults.too_much_text(limit))
                return
            self._backlog.put(frame.text)
        if frame.flush:
            self._backlog.flush()
        self._quiet_at_s = math.inf
        self._cut()

    def _interrupt(self) -> None:
        """Drop all speech, made or not, and what waits for more text."""
        self._cancel_all()
        self._quiet_at_s = math.inf
        self._spoken = False
        self._playout_end_s = self._idle_since_s = self._now_s
        self._drop_run()

    # What the engine says.

    def _on_audio(self, event: Audio) -> None:
        head = self._head_numbered(event.utterance)
        if head is None:
            return
        if not head.heard:
            head.heard, head.first_audio_ms, head.cached = True, event.first_audio_ms, event.cached
        self._run_open = self._spoken = True
        self._playout_end_s = max(self._playout_end_s, self._now_s) + event.duration_s
        if not self._settings.concatenated:
            self._send_audio(event.data, head)
        else:
            head.audio += event.data
            if len(head.audio) >= MAX_AUDIO_BYTES:
                self._send_collected(head)

    def _on_over(self, number: int, failure: VoxgateError | None) -> None:
        head = self._head_numbered(number)
        if head is not None:
            head.over, head.failure = True, failure

    def _on_run_ended(self, run: int, data: bytes) -> None:
        if not self._run_ending or run != self._run:
            return
        self._run_ending = self._run_open = False
        self._run += 1
        head = self._running[0] if self._running else None
        if self._settings.concatenated and head is not None:
            head.audio += data
        else:
            self._send_audio(data, head)

    def _head_numbered(self, number: int) -> RunningUtterance | None:
        """The head, if it has this number and is not over; news of any other is out of date."""
        head = self._running[0] if self._running else None
        if head is None or head.number != number or head.over or self._run_ending:
            return None
        return head

    def _on_server_closing(self) -> None:
        if self.phase is Phase.WAITING:
            self._leave()
        elif self.phase is Phase.OPEN:
            self._end(faults.GOING_AWAY)

    # What follows from it.

    def _settle(self) -> None:
        """Do all that can be done now, and say when to look again."""
        if self._is_past(self._quiet_at_s):
            self._quiet_at_s = math.inf
            self._backlog.quiet()
        if self._is_past(self._inactive_at_s()):
            # Text that still waits for its end is spoken first; without any there is nothing to be final.
            self._end(faults.NORMAL, final=self._backlog.holds_speech or bool(self._running))
        self._start()
        while self._running and self._running[0].over and not self._run_ending and self._is_alive:
            self._finish(self._running[0])
        if self._is_idle:
            self._rest()
        if self._is_alive:
            self._arm()

    def _cut(self) -> None:
        """Cut some more of the text; when it is all cut, its end may be in doubt for a moment."""
        if self._backlog.wants_step:
            self._backlog.step()
            if self._backlog.waiting_for_quiet:
                self._quiet_at_s = self._now_s + self._settings.sentence_quiet_s

    def _start(self) -> None:
        if self._relay:
            self._start_relayed()
            return
        while len(self._running) <= AHEAD and (text := self._backlog.take()) is not None:
            self._begin(text)

    def _begin(self, text: str, *, open: bool = False) -> None:
        self._last_number += 1
        self._running.append(RunningUtterance(self._last_number, text, open))
        self._effects.append(Speak(self._last_number, text, open))

    def _start_relayed(self) -> None:
        """Hand on what was written: to the last utterance while it is open, else to a new one."""
        while True:
            last = self._running[-1] if self._running else None
            if last is not None and (not last.open or last.over):
                last = None
            if last is None and len(self._running) > AHEAD:
                return
            piece = self._backlog.take()
            if piece is None:
                return
            if last is None:
                if speakable(piece):
                    self._begin(piece, open=True)
                continue
            last.text, last.open = last.text + piece, piece is not END
            self._effects.append(Write(last.number, piece) if last.open else EndText(last.number))

    def _finish(self, head: RunningUtterance) -> None:
        """Send what is left of an utterance that is over, and begin the next."""
        is_last = self.phase is Phase.ENDING and len(self._running) == 1
        if (self._settings.concatenated or head.failure or is_last) and self._end_run():
            return  # goes on with the answer
        if self._settings.concatenated and (head.audio or not head.failure):
            self._send_collected(head)
        if head.failure is not None:
            self._running.popleft()
            self._fail(head.failure)
            return
        if not head.text_sent:
            self._send_all(
                audio_frames(b"", head.text.strip(), cached=head.cached, first_audio_ms=head.take_first())
            )
        self._running.popleft()
        self._idle_since_s = self._now_s
        self._start()

    def _rest(self) -> None:
        """With nothing left to be spoken: flush the encoder, send a final, leave, each in its time."""
        if self.phase is Phase.ENDING:
            if not self._end_run():
                if self._final_wanted:
                    self._send_final()
                self._close(self._close_code)
        elif self._is_past(self._final_at_s()):
            if not self._end_run():
                self._send_final()
        elif self._is_past(self._flush_at_s()):
            self._end_run()

    def _end(self, code: int, *, final: bool = True) -> None:
        """Take nothing more in, and close with ``code`` when all is spoken."""
        self._backlog.flush()
        self._cut()
        self._quiet_at_s = math.inf
        self._close_code, self._final_wanted = code, final
        self.phase = Phase.ENDING

    def _end_run(self) -> bool:
        """Ask for the rest of the run, if there is one."""
        if not self._run_open:
            return False
        self._run_ending = True
        self._effects.append(EndRun(self._run))
        return True

    def _drop_run(self) -> None:
        self._run_open = self._run_ending = False
        self._run += 1
        self._effects.append(DropRun())

    def _cancel_all(self) -> None:
        for utterance in self._running:
            if not utterance.over:
                self._effects.append(Cancel(utterance.number))
        self._running.clear()
        self._backlog.clear()

    # Frames.

    def _send(self, frame: ServerFrame) -> None:
        self._sent_s = self._now_s
        self._effects.append(Send(frame))

    def _send_all(self, frames: Iterable[ServerFrame]) -> None:
        for frame in frames:
            self._send(frame)

    def _send_audio(self, data: bytes, speaker: RunningUtterance | None) -> None:
        """Send a piece of streamed audio; ``speaker`` is the utterance it belongs to, if it has any left."""
        if data:
            self._send_all(audio_frames(data, None, first_audio_ms=speaker.take_first() if speaker else None))

    def _send_collected(self, head: RunningUtterance) -> None:
        """Send concatenated audio, and the text unless an earlier frame had it."""
        text = None if head.text_sent else head.text
        self._send_all(
            audio_frames(bytes(head.audio), text, cached=head.cached, first_audio_ms=head.take_first())
        )
        head.audio.clear()
        head.text_sent = True

    def _send_final(self) -> None:
        self._spoken = False
        self._send(FinalFrame())

    # Ways to end.

    def _abort(self, fault: Fault) -> None:
        """Stop at once for a fault of the client's."""
        self._cancel_all()
        self._drop_run()
        self._tell(fault)

    def _fail(self, error: VoxgateError) -> None:
        """Stop because an utterance failed; what was made before it has been sent."""
        self._cancel_all()
        self._tell(fault_of(error, ending=self.phase is Phase.ENDING))

    def _tell(self, fault: Fault) -> None:
        self._send(ErrorFrame(fault.message))
        self._close(fault.code, fault.message)

    def _leave(self) -> None:
        """Stop at once because the server does."""
        self._cancel_all()
        self._drop_run()
        self._close(faults.GOING_AWAY)

    def _close(self, code: int, reason: str = "") -> None:
        self.phase = Phase.CLOSED
        self._effects.append(Close(code, reason if len(reason.encode()) <= _MAX_REASON_BYTES else ""))

    # Times; infinity for what is not to come.

    @property
    def _is_alive(self) -> bool:
        return self.phase is not Phase.CLOSED

    @property
    def _is_idle(self) -> bool:
        return self._is_alive and self._backlog.is_done and not (self._running or self._run_ending)

    @property
    def _waits_for_text(self) -> bool:
        """Whether only the client can go on: nothing is left to be spoken, or the one utterance is open."""
        relayed = len(self._running) == 1 and self._running[0].open
        waits = self._backlog.is_done and not self._run_ending and (relayed or not self._running)
        return self._is_alive and waits and self.phase is not Phase.ENDING

    def _is_past(self, at_s: float) -> bool:
        return self._is_alive and self._now_s >= at_s - _SLACK_S

    def _inactive_at_s(self) -> float:
        if not self._waits_for_text:
            return math.inf
        made_s = max(self._sent_s, self._playout_end_s) if self._running else self._idle_since_s
        return max(self._received_s, made_s) + self._settings.inactivity_timeout_s

    def _final_at_s(self) -> float:
        quiet_s = self._settings.final_quiet_s
        if not quiet_s or not self._spoken or self._backlog.holds_speech:
            return math.inf
        return max(self._received_s, self._sent_s, self._playout_end_s) + quiet_s

    def _flush_at_s(self) -> float:
        return self._idle_since_s + self._settings.idle_flush_s if self._run_open else math.inf

    def ahead_s(self, now_s: float) -> float:
        """Tell how much of what was sent the client has yet to play."""
        return max(0.0, self._playout_end_s - now_s)

    def _resume_at_s(self) -> float:
        """When audio may be taken again, so that not too much is ahead of real time."""
        ahead_s = self._settings.max_ahead_s
        return self._playout_end_s - ahead_s if ahead_s else -math.inf

    def _arm(self) -> None:
        """Ask to be woken, unless a `Tick` is to come no later anyway."""
        at_s = self._now_s if self._backlog.wants_step else self._quiet_at_s
        if self._is_idle and self.phase is not Phase.ENDING:
            at_s = min(at_s, self._final_at_s(), self._flush_at_s())
        elif self._running and not self._is_past(self._resume_at_s()):
            at_s = min(at_s, self._resume_at_s())
        at_s = min(at_s, self._inactive_at_s())
        if at_s < self._armed_s:
            self._armed_s = at_s
            self._effects.append(WakeAt(at_s))
