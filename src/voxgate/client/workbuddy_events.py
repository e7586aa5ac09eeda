"""What a voice session tells its client, and how it is read.

Source: WorkBuddy docs, WebSocket and troubleshooting pages. All but the end of a session is voxgate's own,
    and comes only to clients that ask for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import orjson

from voxgate.client.events import Audio
from voxgate.errors import SynthesisError


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller speaks."""


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The caller has fallen silent."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What the agent understood; empty when that was nothing."""

    text: str


@dataclass(frozen=True, slots=True)
class AgentText:
    """A sentence of the agent begins to play.

    Attributes:
        sentence: its number.
        text: of it.
    """

    sentence: int
    text: str


@dataclass(frozen=True, slots=True)
class BargeIn:
    """The caller has interrupted the agent: throw away what is not played yet."""


@dataclass(frozen=True, slots=True)
class TurnLatency:
    """How long the agent took; milliseconds from the end of the caller's speech, None where not known."""

    transcript_ms: float | None = None
    turn_closed_ms: float | None = None
    first_text_ms: float | None = None
    first_audio_ms: float | None = None


@dataclass(frozen=True, slots=True)
class AudioMistake:
    """The microphone audio is not what it should be, but looks like ``float32``, ``stereo`` or ``rate``."""

    looks_like: str


@dataclass(frozen=True, slots=True)
class AudioDropped:
    """Audio came faster than twice real time, and was dropped."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The session is over; the last event.

    Attributes:
        reason: ``agent_disconnected``, ``room_closed`` or ``server_shutdown``.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Told:
    """Anything else.

    Attributes:
        kind: its ``type``.
        fields: the rest.
    """

    kind: str
    fields: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


ConversationEvent = (
    Audio
    | SpeechStarted
    | SpeechStopped
    | Transcript
    | AgentText
    | BargeIn
    | TurnLatency
    | AudioMistake
    | AudioDropped
    | Ended
    | Told
)

_Fields = dict[str, Any]
_READERS: Mapping[str, Callable[[_Fields], ConversationEvent]] = MappingProxyType(
    {
        "speech_started": lambda _: SpeechStarted(),
        "speech_stopped": lambda _: SpeechStopped(),
        "transcript": lambda fields: Transcript(str(fields["text"])),
        "agent_text": lambda fields: AgentText(int(fields["sentence"]), str(fields["text"])),
        "interrupted": lambda _: BargeIn(),
        "turn_latency": lambda fields: TurnLatency(
            **{name: fields[name] for name in TurnLatency.__dataclass_fields__ if name in fields}
        ),
        "audio_mistake": lambda fields: AudioMistake(str(fields["looks_like"])),
        "audio_dropped": lambda _: AudioDropped(),
        "session_ended": lambda fields: Ended(str(fields["reason"])),
    }
)


def read_event(message: str) -> ConversationEvent:
    """Read a text message.

    Raises:
        SynthesisError: it is no message of this protocol.
    """
    try:
        fields = orjson.loads(message)
        kind = fields.pop("type")
        reader = _READERS.get(kind)
        return Told(str(kind), MappingProxyType(fields)) if reader is None else reader(fields)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SynthesisError("What the server sent is no message of this protocol") from None
