"""What the doors are given: everything a protocol needs from the rest of the server."""

from __future__ import annotations

from dataclasses import dataclass

from voxgate.access.browser_tokens import BrowserTokens
from voxgate.access.keys import KeyStore
from voxgate.access.limits import Limits
from voxgate.access.quota import Quota
from voxgate.access.streams import StreamGate
from voxgate.access.tokens import SessionTokens
from voxgate.clock import Clock
from voxgate.config import Settings
from voxgate.conversation.agents import Agents
from voxgate.drain import Drain
from voxgate.observe.metrics import Figures
from voxgate.speech.audio_store import AudioStore
from voxgate.speech.routing import Router
from voxgate.speech.speaker import Speaker
from voxgate.storage.lexicons import Lexicons
from voxgate.transcription import Transcriber


@dataclass(frozen=True, slots=True)
class Services:
    """One of each, for the life of the server.

    Attributes:
        settings: as read at start.
        clock: time.
        speaker: the one door to speech.
        router: which voices there are and who speaks them.
        keys: who is asking.
        limits: how often they may.
        quota: how much they may have spoken in a day.
        stream_gate: how much at once.
        drain: whether the server is about to stop.
        figures: what the server has done since it started.
        agents: opens voice sessions.
        session_tokens: issues and redeems their tokens.
        browser_tokens: likewise, for pages.
        lexicons: tenants' words to be replaced before speech.
        audio_store: audio that is asked for now and fetched later.
        transcriber: recordings into text.
    """

    settings: Settings
    clock: Clock
    speaker: Speaker
    router: Router
    keys: KeyStore
    limits: Limits
    quota: Quota
    stream_gate: StreamGate
    drain: Drain
    figures: Figures
    agents: Agents
    session_tokens: SessionTokens
    browser_tokens: BrowserTokens
    lexicons: Lexicons
    audio_store: AudioStore
    transcriber: Transcriber
