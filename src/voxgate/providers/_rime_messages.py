"""Messages of Rime's WebSocket v1: in protobuf where ``rime-api`` is installed, else in its JSON form.

Source: rime-api 0.4.0, ``rime/text_to_speech.proto``; canonical JSON of protobuf. Either is the same message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import orjson
import pybase64

from voxgate.providers._wire import Frame

try:
    from google.protobuf import json_format
    from google.protobuf.message import DecodeError
    from rime_api import text_to_speech_pb2 as proto
except ModuleNotFoundError:  # without the extra
    HAS_PROTOBUF = False
else:
    HAS_PROTOBUF = True


@dataclass(frozen=True, slots=True)
class Event:
    """What Rime says.

    Attributes:
        kind: ``ready``, ``started``, ``audio``, ``done``, ``cancelled`` or ``error``; others are ignored.
        context: whom it is about; empty for the connection.
        audio: coded bytes.
        request_id: Rime's own.
        error_kind: what kind of error.
        protocol: version, of ``ready``.
    """

    kind: str
    context: str = ""
    audio: bytes = b""
    request_id: str | None = None
    error_kind: str = ""
    protocol: int = 0


class Coding(Protocol):
    """One of the two forms.

    Attributes:
        subprotocol: that asks for it.
    """

    subprotocol: str

    def write(self, context: str, payload: str, value: object) -> Frame:
        """Make a frame of a payload in its JSON form."""
        ...

    def read(self, frame: Frame) -> Event:
        """Understand a frame; raises `ValueError`, `TypeError` or `AttributeError` for what is none."""
        ...


class Json:
    """Text frames."""

    subprotocol = "rime.v1.json"

    def write(self, context: str, payload: str, value: object) -> Frame:
        """Make a text frame."""
        return orjson.dumps({"contextId": context, payload: value}).decode()

    def read(self, frame: Frame) -> Event:
        """Read a text frame."""
        envelope = orjson.loads(frame)
        context = envelope.pop("contextId", "")
        if len(envelope) != 1:
            return Event("", context)
        ((kind, value),) = envelope.items()
        if kind == "audio":
            return Event(kind, context, pybase64.b64decode(value, validate=True))
        return Event(
            kind,
            context,
            request_id=value.get("requestId"),
            error_kind=value.get("kind", ""),
            protocol=value.get("protocol", 0),
        )


class Protobuf:
    """Binary frames."""

    subprotocol = "rime.v1.binary"

    def write(self, context: str, payload: str, value: object) -> Frame:
        """Make a binary frame."""
        envelope = json_format.ParseDict({"contextId": context, payload: value}, proto.WebSocketRequest())
        return envelope.SerializeToString()

    def read(self, frame: Frame) -> Event:
        """Read a binary frame."""
        if not isinstance(frame, bytes):
            raise TypeError("a text frame among binary ones")
        try:
            envelope = proto.WebSocketResponse.FromString(frame)
        except DecodeError:
            raise ValueError("no protobuf") from None
        kind, context = envelope.WhichOneof("payload") or "", envelope.context_id
        match kind:
            case "audio":
                return Event(kind, context, envelope.audio)
            case "started":
                return Event(kind, context, request_id=envelope.started.request_id or None)
            case "error":
                error = envelope.error
                return Event(kind, context, request_id=error.request_id or None, error_kind=error.kind)
            case "ready":
                return Event(kind, context, protocol=envelope.ready.protocol)
            case _:
                return Event(kind, context)


def coding(*, binary: bool = HAS_PROTOBUF) -> Coding:
    """Choose a form; protobuf costs a tenth of JSON's time."""
    return Protobuf() if binary else Json()
