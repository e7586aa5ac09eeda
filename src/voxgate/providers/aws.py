"""Amazon Polly: ``SynthesizeSpeech`` over HTTP, signed with SigV4; speech marks in a second request.

Sources: the API model in botocore; AWS docs, pages on SynthesizeSpeech, speech marks, SSML and quotas.

Text is sent plain unless something has to be said with SSML. The HTTP/2 stream of text and audio, which the
generative engine alone has, is not used: text that is still being written goes sentence by sentence.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import urlencode

import orjson

from voxgate.audio.format import AudioFormat
from voxgate.clock import Clock
from voxgate.errors import (
    InvalidMarkup,
    InvalidVoice,
    Overloaded,
    ProviderDenied,
    ProviderRejected,
    TextTooLong,
    VoxgateError,
)
from voxgate.providers._aws_account import DEFAULT_REGION, AwsAccount, AwsSettings
from voxgate.providers._aws_text import (
    FORMATS,
    PCM_16K,
    VORBIS_22K,
    VORBIS_24K,
    document_of,
    engine_of,
    fields_of,
)
from voxgate.providers._http import Ask, HttpVendor, lines
from voxgate.providers._ssml import Document
from voxgate.providers._vendor import Account, refusal
from voxgate.providers.contract import Abort, AudioChunk, Capabilities, UpstreamFacts, WordTime
from voxgate.speech.polly import MODEL, STANDARD, SUFFIXES, split_engine
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import Gender, Voice, VoiceName

MARKS_GRACE_S = 2.0
"""How long speech marks may take when all audio is there already."""
_MAX_PAGES = 50
_MAX_MARKS = 10_000
_DENIED = frozenset(
    (
        "AccessDenied", "ExpiredToken", "IncompleteSignature", "InvalidClientTokenId", "InvalidSignature",
        "MissingAuthenticationToken", "NotAuthorized", "OptInRequired", "UnrecognizedClient",
    )
)  # fmt: skip
_BUSY = frozenset(("ServiceQuotaExceeded", "Throttling", "ThrottledRequest", "TooManyRequests"))
_NO_VOICE = frozenset(("EngineNotSupported", "ResourceNotFound"))


class Aws(HttpVendor):
    """Speaks with Amazon Polly."""

    name = "AWS"
    Settings = AwsSettings
    settings: AwsSettings
    public_url = "https://polly.{region}.amazonaws.com"
    transports: ClassVar[Mapping[str, Mapping[str, object]]] = {"http": {}, "marks": {"word_times": True}}
    request_id_headers = ("x-amzn-RequestId",)

    def __init__(self, settings: AwsSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self.capabilities = Capabilities(
            ssml=True,
            speed=True,
            speeds=(0.2, 2.0),
            volume=True,
            phonemes=True,
            word_times=settings.word_times,
            max_characters=3_000,
            formats=tuple(FORMATS),
        )

    def abilities(self, voice: VoiceName) -> Capabilities:
        """Say what it can do with a voice: only one engine moves the pitch, and one has no speech marks."""
        engine = split_engine(voice.voice_id)[1] or STANDARD
        marks = self.settings.word_times and engine != "generative"
        return replace(self.capabilities, pitch=engine == STANDARD, word_times=marks)

    def credentials(self, tenant: str) -> AwsAccount:
        """Find the account that speaks for a tenant: wholly the tenant's, or wholly the section's."""
        own, section = self.settings.tenants.get(tenant), self.settings
        whose = own if own is not None and own.api_key is not None else section
        region = (own.region if own else None) or section.region or DEFAULT_REGION
        base_url = (
            (own.base_url if own else None) or section.base_url or self.public_url.format(region=region)
        )
        return AwsAccount(
            self.account(tenant),
            whose.api_key.get_secret_value() if whose.api_key else "",
            base_url,
            whose.access_key_id or "",
            whose.session_token.get_secret_value() if whose.session_token else None,
            region,
        )

    def ask(self, utterance: Utterance, account: Account) -> Ask:
        """Ask for PCM, or for the very file that the caller takes."""
        passed = utterance.passthrough if utterance.passthrough in FORMATS else None
        sent = passed or self._sent(utterance)
        fields = fields_of(utterance, document_of(utterance))
        fields |= {"OutputFormat": FORMATS[sent], "SampleRate": str(sent.rate_hz)}
        return self._signed(fields, account, sent, passthrough=passed is not None)

    def _sent(self, utterance: Utterance) -> AudioFormat:
        if self.settings.upstream_format == "pcm":
            return PCM_16K
        return VORBIS_22K if engine_of(utterance)[1] == STANDARD else VORBIS_24K

    def _signed(
        self, fields: Mapping[str, object], account: Account, sent: AudioFormat, *, passthrough: bool = False
    ) -> Ask:
        assert isinstance(account, AwsAccount)  # noqa: S101 - made by `credentials`
        url, body = f"{account.base_url}/v1/speech", orjson.dumps(fields)
        headers = account.signed("POST", url, body)
        return Ask(url, headers, body=body, sent=sent, passthrough=passthrough)

    async def speak(self, utterance: Utterance, abort: Abort) -> AsyncGenerator[AudioChunk, None]:
        """Speak; the times of words come from a request of their own, beside."""
        engine = engine_of(utterance)[1]
        if not self.settings.word_times or engine == "generative":
            async with aclosing(super().speak(utterance, abort)) as chunks:
                async for chunk in chunks:
                    yield chunk
            return
        marks = asyncio.create_task(self._marks(utterance), name="polly-marks")
        told, rate_hz = False, PCM_16K.rate_hz
        try:
            async with aclosing(super().speak(utterance, abort)) as chunks:
                async for chunk in chunks:
                    rate_hz = chunk.rate_hz
                    if marks.done() and not told:
                        told = True
                        chunk = replace(chunk, words=marks.result())
                    yield chunk
            if not told and (await asyncio.wait((marks,), timeout=MARKS_GRACE_S))[0]:
                yield AudioChunk(b"", rate_hz, marks.result())
        finally:
            marks.cancel()
            await asyncio.gather(marks, return_exceptions=True)

    async def _marks(self, utterance: Utterance) -> tuple[WordTime, ...]:
        """Ask when words begin; none where that fails, since the speech itself does not."""
        words: list[WordTime] = []
        try:
            document = document_of(utterance)
            fields = {"OutputFormat": "json", "SpeechMarkTypes": ["word"], **fields_of(utterance, document)}
            ask = self._signed(fields, self.credentials(utterance.tenant), PCM_16K)
            async with self.answered(ask) as response, aclosing(lines(response.content.iter_any())) as found:
                async for line in found:
                    if line and len(words) < _MAX_MARKS:
                        words += read_mark(line, document)
        except (VoxgateError, ValueError, LookupError, TypeError, AttributeError):
            return ()
        return tuple(words)

    def told(self, headers: Mapping[str, str]) -> UpstreamFacts:
        """Tell the request's id, and how many characters are billed."""
        count = headers.get("x-amzn-RequestCharacters", "")
        return UpstreamFacts(self.request_id(headers), int(count) if count.isdecimal() else None)

    def refused(self, status: int, headers: Mapping[str, str], body: bytes) -> VoxgateError:
        """Look at the name of the error: Polly throttles with 400, and denies with 400 and 403."""
        code, request_id = _code(headers, body), self.request_id(headers)
        told = f"{self.name} refused: {code or status}"
        if code in _DENIED:
            return ProviderDenied(told, provider_request_id=request_id)
        if code in _BUSY:
            return Overloaded(f"{self.name} has too much to do")
        if code in _NO_VOICE:
            return InvalidVoice(f"{self.name} has no such voice with this engine", field="voice")
        if code == "InvalidSsml":
            return InvalidMarkup(f"{self.name} does not take this SSML with this engine", field="text")
        if code == "TextLengthExceeded":
            return TextTooLong(f"{self.name} takes no text of this length", field="text")
        if code and 400 <= status < 500:
            return ProviderRejected(told, provider_request_id=request_id)
        return refusal(self.name, status, headers, request_id=request_id)

    async def list_voices(self) -> Sequence[Voice]:
        """List each voice with each of its engines, page by page."""
        account, token, voices = self.credentials(""), "", list[Voice]()
        for _ in range(_MAX_PAGES):
            url = f"{account.base_url}/v1/voices"
            if token:
                url += f"?{urlencode({'NextToken': token})}"
            body = await self.fetch(url, account.signed("GET", url))
            try:
                page = orjson.loads(body)
                voices += [voice for record in page["Voices"] for voice in _listed(record)]
                token = page.get("NextToken") or ""
            except (ValueError, LookupError, TypeError, AttributeError):
                raise self.broken() from None
            if not token:
                break
        return voices


def read_mark(line: bytes, document: Document) -> Sequence[WordTime]:
    """Read a speech mark: where a word that comes from the utterance's text is, or nothing.

    ``ValueError``, ``LookupError`` and ``TypeError`` say that it is none.
    """
    mark = orjson.loads(line)
    if mark["type"] != "word":
        return ()
    place = document.place(int(mark["start"]), int(mark["end"]))
    return (WordTime(*place, int(mark["time"]) / 1000),) if place else ()


def _code(headers: Mapping[str, str], body: bytes) -> str:
    """Find the name of an error, without what all of them end in."""
    name = headers.get("x-amzn-ErrorType", "")
    if not name:
        try:
            name = str(orjson.loads(body)["__type"])
        except (ValueError, LookupError, TypeError):
            return ""
    name = name.partition(":")[0].rpartition("#")[2].removesuffix("Exception")
    return name if name.isalnum() else ""


def _listed(record: Mapping[str, Any]) -> Iterator[Voice]:
    """Make a voice of each engine that one of Polly's voices has."""
    languages = (record["LanguageCode"], *record.get("AdditionalLanguageCodes", ()))
    for engine in record["SupportedEngines"]:
        if engine in SUFFIXES:
            name = VoiceName("AWS", MODEL, f"{record['Id']}{SUFFIXES[engine]}")
            gender = Gender(record["Gender"].lower()) if record.get("Gender") else Gender.UNKNOWN
            yield Voice(name, record["Name"], languages, gender)


PROVIDER = Aws
