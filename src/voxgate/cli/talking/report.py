"""What ``voxgate talk`` writes while it happens, and how it went."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import Any

from voxgate.client.workbuddy import (
    AgentText,
    Audio,
    AudioDropped,
    AudioMistake,
    BargeIn,
    ConversationEvent,
    Ended,
    SpeechStarted,
    SpeechStopped,
    Told,
    Transcript,
    TurnLatency,
)

_NAMES: dict[type, str] = {
    SpeechStarted: "speech_started",
    SpeechStopped: "speech_stopped",
    Transcript: "transcript",
    AgentText: "agent_text",
    BargeIn: "interrupted",
    TurnLatency: "turn_latency",
    AudioMistake: "audio_mistake",
    AudioDropped: "audio_dropped",
    Ended: "session_ended",
}
_LOOKS = {
    "float32": "floating-point samples",
    "stereo": "stereo",
    "rate": "another rate than 16,000 Hz",
}


class Report:
    """Writes events on standard output.

    Args:
        as_json: one object a line, by the names that they have on the wire.
        quiet: write nothing.
    """

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self._as_json = as_json
        self._quiet = quiet
        self.first_sounds_ms: list[float] = []
        """How long each answer took from the end of what was said."""

    def tell(self, event: ConversationEvent, now_s: float) -> None:
        """Write an event, but for audio.

        Args:
            event: that happened.
            now_s: since the call began.
        """
        if isinstance(event, TurnLatency) and event.first_audio_ms is not None:
            self.first_sounds_ms.append(event.first_audio_ms)
        if self._quiet or isinstance(event, Audio):
            return
        line = json.dumps(_object(event, now_s), ensure_ascii=False) if self._as_json else _line(event, now_s)
        if line:
            print(line, flush=True)

    def summary(self) -> str:
        """Say how it went."""
        count = len(self.first_sounds_ms)
        if not count:
            return "no answers"
        answers = "1 answer" if count == 1 else f"{count} answers"
        return f"{answers}, the first sound after {max(self.first_sounds_ms):.0f} ms at most"


def warn(text: str) -> None:
    """Write a line on standard error."""
    print(text, file=sys.stderr)


def _object(event: ConversationEvent, now_s: float) -> dict[str, Any]:
    at = {"at_s": round(now_s, 2)}
    if isinstance(event, Told):
        return {"type": event.kind, **at, **event.fields}
    fields = dataclasses.asdict(event)
    return {"type": _NAMES[type(event)], **at, **fields}


def _line(event: ConversationEvent, now_s: float) -> str:
    match event:
        case Transcript(text):
            who, said = "you", text or "(not understood)"
        case AgentText(_, text):
            who, said = "agent", text
        case BargeIn():
            who, said = "", "(you interrupted the agent)"
        case TurnLatency(first_audio_ms=float() | int() as first_ms):
            who, said = "", f"(first sound after {first_ms:.0f} ms)"
        case AudioMistake(looks_like):
            who, said = (
                "",
                f"(the server says that your audio looks like {_LOOKS.get(looks_like, looks_like)})",
            )
        case AudioDropped():
            who, said = "", "(audio came too fast, and some was dropped)"
        case Ended(reason):
            who, said = "", f"(hung up: {reason.replace('_', ' ')})"
        case _:
            return ""
    shown = "".join(character if character.isprintable() else " " for character in said)
    return f"{now_s:6.1f}  {who:5}  {shown}"
