"""A client of Uplift-style REST speech; the multi-stream WebSocket's is `voxgate.client.uplift`.

Source: Uplift docs, API reference.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from voxgate.client.http import Call, Speech, ask_json, open_speech
from voxgate.client.retry import Retry
from voxgate.client.uplift_frames import SpeechOptions
from voxgate.errors import ProviderUnavailable

__all__ = ["Media", "Speech", "SpeechOptions", "fetch", "speech", "start"]

PREFIX = "/v1/synthesis"


@dataclass(frozen=True, slots=True)
class Media:
    """Audio that is being made.

    Attributes:
        media_id: to fetch it by.
        token: with which no key is needed.
    """

    media_id: str
    token: str

    @property
    def path(self) -> str:
        """Where on the server it is; the token comes into the query, as ``token``."""
        return f"{PREFIX}/stream-audio/{self.media_id}"


def speech(
    server: str,
    key: str | None,
    text: str,
    options: SpeechOptions | None = None,
    *,
    timeout_s: float = 30.0,
    retry: Retry | None = None,
) -> AbstractAsyncContextManager[Speech]:
    """Ask for a text to be spoken, and have it as it is made; as `voxgate.client.openai.speech`."""
    call = Call("POST", f"{PREFIX}/text-to-speech/stream", _body(text, options))
    return open_speech(call, server, key, timeout_s=timeout_s, retry=retry)


async def start(
    server: str,
    key: str | None,
    text: str,
    options: SpeechOptions | None = None,
    *,
    timeout_s: float = 30.0,
    retry: Retry | None = None,
) -> Media:
    """Ask for a text to be spoken, to be fetched by whom you like.

    Args:
        server: its address, ``http://127.0.0.1:8080``.
        key: API key.
        text: up to 10,000 characters.
        options: how to speak.
        timeout_s: for the answer.
        retry: when to ask again; never, if it is None. Each time the server makes it anew.

    Raises:
        VoxgateError: as `voxgate.client.telnyx.connect` says.
    """
    call = Call("POST", f"{PREFIX}/text-to-speech/stream-async", _body(text, options))

    async def ask() -> Media:
        match await ask_json(call, server, key, timeout_s=timeout_s):
            case {"mediaId": str(media_id), "token": str(token)}:
                return Media(media_id, token)
        raise ProviderUnavailable(f"What answers at {server} gives no id of audio")

    return await (retry.run(ask) if retry else ask())


def fetch(
    server: str, media: Media, *, timeout_s: float = 30.0, retry: Retry | None = None
) -> AbstractAsyncContextManager[Speech]:
    """Fetch what `start` began, from its first byte, with its token; as `voxgate.client.openai.speech`."""
    call = Call("GET", media.path, query={"token": media.token})
    return open_speech(call, server, None, timeout_s=timeout_s, retry=retry)


def _body(text: str, options: SpeechOptions | None) -> dict[str, object]:
    return {"text": text, **(options or SpeechOptions()).fields()}
