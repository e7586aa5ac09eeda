"""The agents of this server: their profiles, the engines they share, and how many may talk at once.

Engines are started when the first token is asked for, which comes just before the first session, so that
a server that only speaks carries no recognizer. Profiles are read again on request; running sessions keep
what they began with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import structlog

from voxgate.clock import Clock
from voxgate.config import AgentSettings
from voxgate.conversation.activity import VoiceActivity
from voxgate.conversation.chat import ChatThinker
from voxgate.conversation.finishing import Finisher, ModelFinisher, turn_command, turn_pool
from voxgate.conversation.persona import Persona
from voxgate.conversation.profile import AgentProfile, HearingProfile, RecognizerKind, load_profiles
from voxgate.conversation.recognizing import (
    LocalRecognizer,
    Recognizer,
    RemoteRecognizer,
    listen_command,
    listen_pool,
)
from voxgate.conversation.session import Agent, Session
from voxgate.conversation.thinking import PersonaThinker, Thinker
from voxgate.engines.pool import WorkerPool
from voxgate.errors import ConfigurationError, NotFound, NotPermitted, Overloaded, RequestError
from voxgate.providers.espeak_voices import nearest_voice
from voxgate.speech.routing import Router
from voxgate.speech.speaker import Speaker
from voxgate.speech.voice import VoiceName

log = structlog.get_logger()

LAG_EVERY_S = 0.5
"""How often the event loop's lag is measured while sessions run."""


@dataclass(frozen=True, slots=True)
class _Engines:
    """What all sessions share."""

    activity: VoiceActivity
    http: aiohttp.ClientSession

    async def aclose(self) -> None:
        await self.activity.aclose()
        await self.http.close()


class Agents:
    """Opens sessions.

    Args:
        settings: how many, and where the profiles are.
        speaker: makes speech.
        router: judges profiles' voices.
        clock: time.

    Raises:
        ConfigurationError: the profiles are wrong.
    """

    def __init__(self, settings: AgentSettings, speaker: Speaker, router: Router, clock: Clock) -> None:
        self._settings, self._speaker, self._router, self._clock = settings, speaker, router, clock
        self._profiles: Mapping[str, AgentProfile] = {}
        self._personas: dict[str, Persona] = {}
        self._pools: dict[tuple[str, Path | None], WorkerPool] = {}
        self._engines: asyncio.Task[_Engines] | None = None
        self._lag_s = 0.0
        self._watching: asyncio.Task[None] | None = None
        self.sessions = 0
        """How many are running."""
        self.load_profiles()

    def load_profiles(self) -> None:
        """Read the profiles (again); a wrong file raises `ConfigurationError` and changes nothing."""
        profiles = load_profiles(self._settings.profiles)
        if self._settings.default not in profiles:
            raise ConfigurationError(f"The agents file has no agent {self._settings.default!r}, the default")
        if self._settings.profiles is not None:
            # The built-in agent is nobody's wish: a server without its voice still starts.
            for name, profile in profiles.items():
                self._check(name, profile)
        self._personas = {
            name: Persona.load(profile.persona) for name, profile in profiles.items() if profile.model is None
        }
        self._profiles = profiles

    def _check(self, name: str, profile: AgentProfile) -> None:
        """Find out now what would else fail in front of a caller."""
        try:
            self._router.admit(VoiceName.parse(profile.voice), identity_verified=True)
        except RequestError as error:
            raise ConfigurationError(
                f"The agent {name}: voice = {profile.voice!r}: {error.message}"
            ) from None
        hearing = profile.hearing
        if (hearing.recognizer is RecognizerKind.OPENAI) != (hearing.url is not None):
            raise ConfigurationError(
                f"The agent {name}: hearing.url goes with hearing.recognizer = 'openai', and only with it"
            )
        if hearing.recognizer in (RecognizerKind.VOSK, RecognizerKind.WHISPER):
            listen_command(hearing.recognizer.value, hearing.path)
        if profile.turn.model is not None:
            turn_command(profile.turn.model)

    def profile(self, name: str | None) -> tuple[str, AgentProfile]:
        """Find an agent, or the default one.

        Raises:
            NotFound: there is none of this name.
            NotPermitted: it is switched off.
        """
        name = name or self._settings.default
        profile = self._profiles.get(name)
        if profile is None:
            raise NotFound(f"There is no agent {name!r}")
        if not profile.enabled:
            raise NotPermitted(f"The agent {name!r} is switched off")
        return name, profile

    def admit(self) -> None:
        """Refuse another session when there are enough, or the server can hardly keep up.

        Raises:
            Overloaded: come back later.
        """
        if self.sessions >= self._settings.max_sessions:
            raise Overloaded("All voice sessions are taken", retry_after_s=5.0)
        if self._lag_s * 1000 > self._settings.max_loop_lag_ms:
            raise Overloaded("The server is too busy for another voice session", retry_after_s=5.0)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a session's place for as long as the block runs; raises as `admit` does."""
        self.admit()
        self.sessions += 1
        try:
            yield
        finally:
            self.sessions -= 1

    def warm_up(self) -> asyncio.Task[_Engines]:
        """Begin to start the engines, without waiting; what failed before is tried again."""
        if self._engines is None or (self._engines.done() and self._engines.exception() is not None):
            self._engines = asyncio.create_task(self._start(), name="agents-start")
        return self._engines

    async def open(
        self,
        name: str,
        tenant: str,
        send: Callable[[bytes], Awaitable[None]],
        on_event: Callable[[str, dict[str, Any]], None],
    ) -> Session:
        """Make a session of an agent; the caller has taken a `place` for it, and closes it.

        Raises:
            VoxgateError: switched off, or its engines cannot be started.
        """
        name, profile = self.profile(name)
        engines = await asyncio.shield(self.warm_up())
        agent = await self._agent(name, profile, tenant, engines.http)
        return Session(agent, engines.activity, self._speaker, self._clock, send, on_event)

    async def _start(self) -> _Engines:
        activity = VoiceActivity(self._clock)
        await activity.start()
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch_lag(), name="loop-lag")
        return _Engines(activity, aiohttp.ClientSession(trust_env=False))

    async def _watch_lag(self) -> None:
        """Measure how late the loop is; the worst of late is what counts, and it fades."""
        while True:
            before_s = self._clock.now_s()
            await self._clock.sleep(LAG_EVERY_S)
            lag_s = self._clock.now_s() - before_s - LAG_EVERY_S
            self._lag_s = max(lag_s, self._lag_s * 0.7)

    async def _agent(
        self, name: str, profile: AgentProfile, tenant: str, http: aiohttp.ClientSession
    ) -> Agent:
        persona = self._personas.get(name)
        greeting = profile.greeting
        if greeting is None:
            greeting = persona.file.greeting if persona is not None else ""
        language = profile.language or "en-US"
        phrases = frozenset(phrase.lower() for phrase in profile.hearing.phrases)
        return Agent(
            voice=VoiceName.parse(profile.voice),
            fallback_voice=VoiceName("Local", "Espeak", nearest_voice(language).voice_id),
            tenant=tenant,
            language=profile.language,
            greeting=greeting,
            notice=profile.notice,
            turn=profile.turn.settings(phrases | (persona.phrases() if persona is not None else frozenset())),
            thinker=_thinker(profile, persona, http),
            recognizer=await self._recognizer(profile.hearing, persona, language, http),
            finisher=await self._finisher(profile.turn.model),
        )

    async def _recognizer(
        self, hearing: HearingProfile, persona: Persona | None, language: str, http: aiohttp.ClientSession
    ) -> Recognizer:
        if hearing.url is not None:
            return RemoteRecognizer(
                http,
                str(hearing.url),
                hearing.model,
                hearing.api_key(),
                language=language,
                timeout_s=hearing.timeout_s,
            )
        path = hearing.path
        pool = await self._pool(
            (hearing.recognizer.value, path),
            lambda: listen_pool(
                listen_command(hearing.recognizer.value, path),
                self._clock,
                workers=self._settings.recognizer_workers,
            ),
        )
        return LocalRecognizer(pool, _grammar(hearing, persona), hearing.timeout_s)

    async def _finisher(self, model: Path | None) -> Finisher | None:
        if model is None:
            return None
        return ModelFinisher(await self._pool(("turn", model), lambda: turn_pool(model, self._clock)))

    async def _pool(self, key: tuple[str, Path | None], make: Callable[[], WorkerPool]) -> WorkerPool:
        """Return the pool of an engine, started the first time it is asked for."""
        if key not in self._pools:
            pool = self._pools[key] = make()
            try:
                await pool.start()
            except BaseException:
                del self._pools[key]
                raise
        return self._pools[key]

    async def aclose(self) -> None:
        """Stop the engines; sessions must be closed before."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        for pool in self._pools.values():
            await pool.aclose()
        if self._engines is not None:
            (engines,) = await asyncio.gather(self._engines, return_exceptions=True)
            if isinstance(engines, _Engines):
                await engines.aclose()


def _thinker(profile: AgentProfile, persona: Persona | None, http: aiohttp.ClientSession) -> Thinker:
    if profile.model is not None:
        return ChatThinker(http, profile.model, profile.tools)
    return PersonaThinker(persona or Persona.load(), lambda: datetime.now().astimezone())


def _grammar(hearing: HearingProfile, persona: Persona | None) -> str | None:
    """What pocketsphinx should expect: the profile's word, else the persona's, else any English."""
    if hearing.grammar:
        return hearing.grammar
    if hearing.phrases:
        phrases = " | ".join(phrase.lower() for phrase in hearing.phrases)
        return f"#JSGF V1.0;\ngrammar profile;\npublic <phrase> = {phrases};\n"
    if persona is not None and not hearing.open_dictation:
        return persona.grammar()
    return None
