"""Speech as the answer to an HTTP request: while it is made, or whole.

Nothing is answered before there is audio, so what goes wrong until then has a proper status. A failure later
can only show as a body that ends short; where the body has words for it (server-sent events), it says so.
When the client goes away, or reads no more, its speech is cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, Protocol

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from voxgate.audio import wav
from voxgate.audio.format import AudioFormat, Container
from voxgate.errors import VoxgateError

VOICE_HEADER = "X-Voxgate-Voice"
"""Names the stand-in that speaks; absent when the voice asked for speaks itself."""

SEND_TIMEOUT_S = 60.0
"""A client that takes nothing for so long is given up, and its speech with it."""

Refuse = Callable[[VoxgateError], Response]
"""Words an error as a door does."""


class Speech(Protocol):
    """What can be answered: `voxgate.speech.delivery.Delivery`, or stored audio."""

    spoken_by: str

    async def begin(self) -> None:
        """Return when there is audio; raises what went wrong before."""
        ...

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield encoded audio; raises what went wrong half-way."""
        ...

    def cancel(self) -> None:
        """Stop; nothing if all was delivered."""
        ...


class Framing:
    """How audio becomes a body. This one is the audio itself; others put it into words."""

    def audio(self, encoded: bytes) -> bytes:
        """Frame a piece of audio."""
        return encoded

    def end(self) -> bytes:
        """Say that all is there."""
        return b""

    def failure(self, error: VoxgateError) -> bytes | None:
        """Say that no more comes, and why; None where a body has no words for it and just ends short."""
        return None


class SpokenResponse(Response):
    """Answers with audio while it is being made.

    Args:
        speech: not begun yet.
        voice: compound name of the voice asked for.
        media_type: of the body.
        refuse: words an error.
        framing: how audio becomes the body.
        size_bytes: of the whole body, when it is known.
    """

    def __init__(
        self,
        speech: Speech,
        *,
        voice: str,
        media_type: str,
        refuse: Refuse,
        framing: Framing | None = None,
        size_bytes: int | None = None,
    ) -> None:
        # X-Accel-Buffering: nginx would collect the stream otherwise.
        super().__init__(media_type=media_type, headers={"X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        if size_bytes is not None:
            self.headers["Content-Length"] = str(size_bytes)
        self._speech = speech
        self._voice = voice
        self._refuse = refuse
        self._framing = framing or Framing()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak, as an ASGI app."""
        try:
            await until_gone(receive, self._speak(scope, receive, send))
        finally:
            self._speech.cancel()

    async def _speak(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._speech.begin()
        except VoxgateError as error:
            await self._refuse(error)(scope, receive, send)
            return
        name_voice(self, self._voice, self._speech.spoken_by)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async with aclosing(self._speech.chunks()) as pieces:
                async for encoded in pieces:
                    body = self._framing.audio(encoded)
                    async with asyncio.timeout(SEND_TIMEOUT_S):
                        await send({"type": "http.response.body", "body": body, "more_body": True})
        except TimeoutError:
            return
        except VoxgateError as error:
            last = self._framing.failure(error)
            if last is None:
                return  # without an end, the server cuts the connection and the client sees a broken body
        else:
            last = self._framing.end()
        await send({"type": "http.response.body", "body": last, "more_body": False})


class WholeSpeechResponse(Response):
    """Answers when all audio is made.

    Args:
        speech: not begun yet.
        voice: compound name of the voice asked for.
        audio_format: of the audio.
        answer: makes the answer from all of the audio.
        refuse: words an error.
    """

    def __init__(
        self,
        speech: Speech,
        *,
        voice: str,
        audio_format: AudioFormat,
        answer: Callable[[bytes], Response],
        refuse: Refuse,
    ) -> None:
        super().__init__()
        self._speech = speech
        self._voice = voice
        self._audio_format = audio_format
        self._answer = answer
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak and then answer, as an ASGI app."""
        try:
            await until_gone(receive, self._speak(scope, receive, send))
        finally:
            self._speech.cancel()

    async def _speak(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._speech.begin()
            async with aclosing(self._speech.chunks()) as pieces:
                file = b"".join([encoded async for encoded in pieces])
        except VoxgateError as error:
            await self._refuse(error)(scope, receive, send)
            return
        if self._audio_format.container is Container.WAV:
            file = wav.with_exact_sizes(file)
        answer = self._answer(file)
        name_voice(answer, self._voice, self._speech.spoken_by)
        await answer(scope, receive, send)


def name_voice(response: Response, voice: str, spoken_by: str) -> None:
    """Name the voice that speaks in a header, when it is not the one asked for."""
    if spoken_by != voice:
        # A header takes Latin letters only, and stand-ins are named in them.
        response.headers[VOICE_HEADER] = spoken_by.encode("latin-1", "replace").decode("latin-1")


async def until_gone(receive: Receive, work: Coroutine[Any, Any, None]) -> None:
    """Run ``work`` to its end, or cancel it when the client goes away."""
    working, gone = asyncio.create_task(work), asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait((working, gone), return_when=asyncio.FIRST_COMPLETED)
    finally:
        working.cancel()
        gone.cancel()
        await asyncio.wait((working, gone))
    if not working.cancelled():
        working.result()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
