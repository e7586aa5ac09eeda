"""Amazon Polly: ``SynthesizeSpeech`` with speech marks, and ``DescribeVoices``, signed with SigV4.

Sources: the API model in botocore 1.44.8; AWS docs, pages on SynthesizeSpeech, speech marks, SSML and common
errors. Signatures are checked in full. Voices are listed in pages of `PAGE_VOICES`.

Not here: the HTTP/2 stream of text and audio (StartSpeechSynthesisStream); lexicons, of which none is stored,
so that each name is unknown; quotas of requests; visemes of single sounds, only the silence at the end.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, ClassVar

import orjson
import pybase64
from aiohttp import web

from voxgate.testing.emulators import _polly
from voxgate.testing.emulators._polly_order import Order, Refused, check_enum
from voxgate.testing.emulators._sigv4 import BadSignature, verify
from voxgate.testing.emulators._speech import coded
from voxgate.testing.emulators.base import NO_FAULTS, Asked, Emulator, Faults

REGION = "us-east-1"
ACCESS_KEY_ID = "AKIDEMULATED"
PAGE_VOICES = 5

_REFUSALS = {
    401: (403, "UnrecognizedClientException", "The security token included in the request is invalid."),
    402: (402, "ServiceQuotaExceededException", "A quota of the service would be exceeded."),
    403: (403, "AccessDeniedException", "User is not authorized to perform polly:SynthesizeSpeech."),
    404: (404, "ResourceNotFoundException", "The specified resource was not found."),
    429: (400, "ThrottlingException", "Rate exceeded"),
    503: (503, "ServiceUnavailableException", "The request has failed due to a temporary failure."),
}


class AwsEmulator(Emulator):
    """Polly in the region `REGION`.

    Args:
        key: the secret access key; its id is `ACCESS_KEY_ID`.
        faults: what goes wrong.

    Attributes:
        marked: what speech marks were asked for; those requests are not among `asked`.
        refuse_marks: there are too many requests for speech marks.
    """

    provider: ClassVar[str] = "aws"
    voice: ClassVar[str] = "AWS.Polly.Joanna-Neural"
    checked_by: ClassVar[str] = "boto3 1.44.8"
    bad_voice: ClassVar[str] = "AWS.Polly.Joanna-Generative"

    def __init__(self, *, key: str = "emulated-key", faults: Faults = NO_FAULTS) -> None:
        super().__init__(key=key, faults=faults)
        self.marked: list[Asked] = []
        self.refuse_marks = False

    def settings(self) -> dict[str, object]:
        """Return the section, with the key's id and the region."""
        return {**super().settings(), "access_key_id": ACCESS_KEY_ID, "region": REGION}

    def add_routes(self, app: web.Application) -> None:
        """Add both operations."""
        app.router.add_post("/v1/speech", self._checked(self._speech))
        app.router.add_get("/v1/voices", self._checked(self._voices))

    def refusal(self, status: int) -> web.Response:
        """Word a refusal; throttling has the status 400 here."""
        failure = (status, "ServiceFailureException", "An unknown condition has caused a service failure.")
        return _error(*_REFUSALS.get(status, failure))

    def _checked(
        self, handler: Callable[[web.Request, bytes], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def checked(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            secrets = {ACCESS_KEY_ID: self.key}
            try:
                verify(request, body, secrets, region=REGION, service="polly", now=datetime.now(UTC))
                return await handler(request, body)
            except BadSignature as error:
                return _error(403, error.name, error.message)
            except Refused as error:
                return _error(error.status, error.name, error.message)

        return checked

    async def _speech(self, request: web.Request, body: bytes) -> web.StreamResponse:
        order = Order(body)
        asked = Asked(
            text="".join(character.text for character in order.spoken),
            voice=order.voice,
            model=order.engine,
            rate_hz=order.rate_hz,
            format=order.format,
            settings=order.settings(),
        )
        headers = _headers() | {"x-amzn-RequestCharacters": str(len(order.spoken))}
        if order.format == "json":
            if self.refuse_marks:
                return self.refusal(429)
            self.marked.append(asked)
            headers["Content-Type"] = "application/x-json-stream"
            return await self.send_body(request, b"" if self.faults.empty else order.marks(), headers, asked)
        self.asked.append(asked)
        known = _polly.FORMATS[order.format]
        pcm = b"".join(
            self.speech(text, order.rate_hz, speed=speed, volume=volume)
            for text, speed, volume in order.parts()
        )
        headers["Content-Type"] = known.media_type
        audio = coded(self, known.coding(order.rate_hz), pcm)
        return await self.send_body(request, audio, headers, asked)

    async def _voices(self, request: web.Request, body: bytes) -> web.StreamResponse:
        query = request.query
        check_enum("Engine", query.get("Engine"))
        check_enum("LanguageCode", query.get("LanguageCode"))
        found = list(_polly.VOICES.values())
        if engine := query.get("Engine"):
            found = [voice for voice in found if engine in voice.engines]
        if language := query.get("LanguageCode"):
            spoken = None if query.get("IncludeAdditionalLanguageCodes") == "true" else 1
            found = [voice for voice in found if language in voice.languages[:spoken]]
        start = _read_token(query.get("NextToken"), len(found))
        end = start + PAGE_VOICES
        answer: dict[str, Any] = {"Voices": [voice.listed() for voice in found[start:end]]}
        if end < len(found):
            answer["NextToken"] = pybase64.b64encode(b"%d" % end).decode()
        return web.Response(body=orjson.dumps(answer), headers=_headers(), content_type="application/json")


def _read_token(token: str | None, most: int) -> int:
    try:
        start = int(pybase64.b64decode(token, validate=True)) if token is not None else 0
    except ValueError:
        start = -1
    if not 0 <= start <= most:
        raise Refused("InvalidNextTokenException", "The NextToken is invalid.")
    return start


def _headers() -> dict[str, str]:
    return {"x-amzn-RequestId": str(uuid.uuid4())}


def _error(status: int, name: str, message: str) -> web.Response:
    return web.Response(
        status=status,
        body=orjson.dumps({"message": message}),
        headers=_headers() | {"x-amzn-ErrorType": f"{name}:"},
        content_type="application/json",
    )


EMULATOR = AwsEmulator
