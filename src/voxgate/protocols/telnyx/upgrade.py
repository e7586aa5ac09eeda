"""Judges an upgrade to the Telnyx WebSocket, and refuses it with a real HTTP answer or runs its session."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial

import structlog
from starlette.responses import Response
from starlette.websockets import WebSocket

from voxgate.access.browser_tokens import Front, Grant
from voxgate.access.callers import identify
from voxgate.access.keys import ApiKey
from voxgate.errors import Overloaded, VoxgateError
from voxgate.protocols.telnyx.events import StreamSettings
from voxgate.protocols.telnyx.faults import refusal_of
from voxgate.protocols.telnyx.handshake import SessionRequest, agree, plan_speech, read_query
from voxgate.protocols.telnyx.socket import Session, SessionFacts
from voxgate.protocols.telnyx.stream import TelnyxStream
from voxgate.services import Services
from voxgate.speech.lexicon import Lexicon
from voxgate.speech.model import Delivery
from voxgate.speech.voice import Voice, VoiceName

VOICE_HEADER = b"x-voxgate-voice"
"""Names the stand-in that speaks, on the 101; absent when the voice asked for speaks itself."""

log = structlog.get_logger()


class Door:
    """The endpoint: one for the life of the server."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def answer(self, websocket: WebSocket) -> None:
        """Take one upgrade."""
        with ExitStack() as held:
            try:
                grant = await self._admit(websocket, held)
                key = grant.key
                request, voice, spoken_by, lexicon = await self.judge(websocket.query_params, key)
                grant.check_voice(voice.name)
            except VoxgateError as error:
                await _refuse(websocket, error)
                return
            machine = TelnyxStream(
                self._settings(request, voice, lexicon),
                partial(agree, request, voice),
                self._services.clock.now_s(),
            )
            facts = SessionFacts(
                key.tenant,
                voice.name,
                cacheable=not request.disable_cache,
                lexicon=lexicon,
                budget=grant.budget,
            )
            stand_in = [] if voice.hosted else [(VOICE_HEADER, str(spoken_by).encode())]
            await websocket.accept(headers=stand_in)
            log.info(
                "telnyx session began",
                key_id=key.key_id,
                voice=str(voice.name),
                spoken_by=str(spoken_by),
                socket_id=request.socket_id,
            )
            await Session(self._services, websocket, machine, facts).run()

    async def _admit(self, websocket: WebSocket, held: ExitStack) -> Grant:
        """Check who asks (401, or 403 for a page or token that is not for here) and how often (429)."""
        grant = await identify(
            self._services.keys,
            self._services.browser_tokens,
            Front.TELNYX,
            authorization=websocket.headers.get("authorization"),
            token=websocket.query_params.get("token"),
            origin=websocket.headers.get("origin"),
            allowed_origins=self._services.settings.server.allowed_origins,
        )
        await self._services.limits.check(grant.key)
        held.enter_context(self._services.limits.connection(grant.key))
        return grant

    async def judge(
        self, query: Mapping[str, str], key: ApiKey
    ) -> tuple[SessionRequest, Voice, VoiceName, Lexicon | None]:
        """Check whether what is asked for makes sense (400), and then whether this key may have it (403).

        Raises:
            VoxgateError: an upgrade with this query would be refused.
        """
        settings, router = self._services.settings.telnyx, self._services.router
        request = read_query(
            query,
            default_voice=VoiceName.parse(settings.default_voice),
            voice_required=settings.require_voice,
            inactivity_timeout_s=settings.inactivity_timeout_s,
        )
        voice = router.admit(request.voice, identity_verified=True)
        plan = plan_speech(request, voice)
        spoken_by = router.spoken_by(voice, plan.language)
        lexicon = await self._services.lexicons.asked_for(
            key.tenant, request.dictionary_id, field="pronunciation_dict_id"
        )
        voice.facts.check_websocket()
        router.admit(request.voice, identity_verified=key.identity_verified)
        if self._services.drain.begun:  # since the guard let this upgrade in
            raise Overloaded("The server is about to stop")
        return request, voice, spoken_by, lexicon

    def _settings(self, request: SessionRequest, voice: Voice, lexicon: Lexicon | None) -> StreamSettings:
        settings = self._services.settings.telnyx
        concatenated = voice.facts.delivery is Delivery.CONCATENATED
        # Words of a lexicon can be found in whole sentences only.
        relay = not concatenated and lexicon is None and self._services.router.takes_text(voice.name)
        return StreamSettings(
            concatenated=concatenated,
            relay=relay,
            language=voice.languages[0] if voice.languages else None,
            inactivity_timeout_s=request.inactivity_timeout_s,
            final_quiet_s=settings.final_quiet_ms / 1000,
            sentence_quiet_s=settings.sentence_quiet_ms / 1000,
            idle_flush_s=settings.idle_flush_ms / 1000,
            max_buffered_characters=settings.max_buffered_characters,
            max_ahead_s=settings.max_ahead_ms / 1000,
        )


async def _refuse(websocket: WebSocket, error: VoxgateError) -> None:
    refusal = refusal_of(error, websocket.query_params.keys())
    log.info("telnyx upgrade refused", status=refusal.status.value, code=error.code)
    await websocket.send_denial_response(Response(refusal.body, refusal.status, refusal.headers))
