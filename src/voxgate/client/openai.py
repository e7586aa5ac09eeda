"""A client of OpenAI's speech endpoint.

::

    async with speech("http://127.0.0.1:8080", key, "Hello.", SpeechOptions(voice="nova")) as spoken:
        async for event in spoken:
            match event:
                case Audio(data=data):
                    file.write(data)

Source: OpenAI API reference, create speech. ``sample_rate`` and ``language`` are voxgate's own.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from voxgate.client.events import Audio, Event, Final, Reconnected
from voxgate.client.http import Call, Speech, open_speech
from voxgate.client.retry import Retry

__all__ = ["Audio", "Event", "Final", "Reconnected", "Speech", "SpeechOptions", "speech"]

PATH = "/v1/audio/speech"


@dataclass(frozen=True, slots=True)
class SpeechOptions:
    """How to speak.

    Attributes:
        voice: OpenAI's names, or the name of any voice there is.
        model: that speaks.
        response_format: ``mp3``, ``opus``, ``aac``, ``flac``, ``wav`` or ``pcm``.
        speed: ratio to the voice's normal pace, 0.25 to 4.
        instructions: to the vendor's own engine.
        rate_hz: None for the server's default, 24,000 Hz.
        language: BCP-47 tag of the text.
    """

    voice: str = "alloy"
    model: str = "tts-1"
    response_format: str = "mp3"
    speed: float | None = None
    instructions: str | None = None
    rate_hz: int | None = None
    language: str | None = None

    def fields(self) -> dict[str, object]:
        """Return them by their names on the wire, as far as they are given."""
        named: dict[str, object] = {
            "model": self.model,
            "voice": self.voice,
            "response_format": self.response_format,
            "speed": self.speed,
            "instructions": self.instructions,
            "sample_rate": self.rate_hz,
            "language": self.language,
        }
        return {name: value for name, value in named.items() if value is not None}


def speech(
    server: str,
    key: str | None,
    text: str,
    options: SpeechOptions | None = None,
    *,
    timeout_s: float = 30.0,
    retry: Retry | None = None,
) -> AbstractAsyncContextManager[Speech]:
    """Ask for a text to be spoken; entering the block waits until the server begins to answer.

    Args:
        server: its address, ``http://127.0.0.1:8080``.
        key: API key.
        text: up to 10,000 characters.
        options: how to speak.
        timeout_s: for the connection to be made, and for the first audio.
        retry: when to ask again after the connection was lost. The first is tried once.

    Raises:
        VoxgateError: as `voxgate.client.telnyx.connect` says.
    """
    call = Call("POST", PATH, {"input": text, **(options or SpeechOptions()).fields()})
    return open_speech(call, server, key, timeout_s=timeout_s, retry=retry)
