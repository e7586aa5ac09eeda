"""A client of the Telnyx-style REST endpoint; the WebSocket's is `voxgate.client.telnyx`.

Source: Telnyx docs, REST API pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from voxgate.client.http import Call, Speech, open_speech
from voxgate.client.retry import Retry

PATH = "/v2/text-to-speech/speech"


@dataclass(frozen=True, slots=True)
class SpeechOptions:
    """How to speak.

    Attributes:
        voice: compound name.
        language: BCP-47 tag of the text.
        ssml: the text is SSML.
        disable_cache: make everything anew.
        voice_settings: the provider's own fields, format and rate among them, such as
            ``{"response_format": "wav"}`` of Telnyx's voices.
    """

    voice: str = "Telnyx.NaturalHD.astra"
    language: str | None = None
    ssml: bool = False
    disable_cache: bool = False
    voice_settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def fields(self) -> dict[str, object]:
        """Return them by their names on the wire, as far as they are given."""
        named: dict[str, object] = {
            "voice": self.voice,
            "language": self.language,
            "text_type": "ssml" if self.ssml else None,
            "disable_cache": self.disable_cache or None,
            "voice_settings": dict(self.voice_settings) or None,
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
    """Ask for a text to be spoken; as `voxgate.client.openai.speech`."""
    call = Call("POST", PATH, {"text": text, **(options or SpeechOptions()).fields()})
    return open_speech(call, server, key, timeout_s=timeout_s, retry=retry)
