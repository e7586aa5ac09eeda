"""A call: the caller's end on one side, an agent on the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from voxgate.cli.saying.outputs import Output
from voxgate.cli.talking.ends import End
from voxgate.cli.talking.heard import Heard
from voxgate.client.workbuddy import RATE_HZ, Audio, BargeIn, Conversation, ConversationEvent
from voxgate.clock import Clock

GREETING_S = 2.0
"""For which the caller waits for a greeting to begin."""
PAUSE_S = 0.8
"""Of silence after which a greeting is taken to have ended; longer than the pause between two sentences."""


class Call:
    """One call; time is counted from when it is made.

    Args:
        conversation: with the agent.
        end: of the caller.
        output: takes what was heard, if anything does.
        tell: is given what happens, and the seconds since the call began.
        clock: to count by.
    """

    def __init__(
        self,
        conversation: Conversation,
        end: End,
        output: Output | None,
        tell: Callable[[ConversationEvent, float], None],
        clock: Clock,
    ) -> None:
        self._conversation = conversation
        self._end = end
        self._output = output
        self._tell = tell
        self._clock = clock
        self._began_s = clock.now_s()
        self._sound_s = 0.0
        self._said_s = 0.0
        self._greeted = False
        self.heard = Heard(RATE_HZ)

    async def run(self, wait_s: float, *, at_once: bool = False) -> None:
        """Talk until the agent hangs up, or has been silent for a while after the caller has said all.

        Args:
            wait_s: how long.
            at_once: speak over the agent's greeting instead of waiting for its end.

        Raises:
            Interrupted: the connection was lost.
            VoxgateError: the session failed, or what was heard cannot be written.
        """
        if at_once:
            self._end.begin()
        listening = asyncio.create_task(self._listen(), name="talk-listen")
        try:
            await self._talk(listening, wait_s)
            await self._conversation.aclose()
            await listening
        finally:
            listening.cancel()
            await asyncio.wait([listening])
            await self._write(self.heard.interrupt(self._now_s()))

    async def _talk(self, listening: asyncio.Task[None], wait_s: float) -> None:
        async with aclosing(self._end.frames()) as frames:
            async for frame in frames:
                if listening.done():
                    return
                if self._quiet_s() >= (PAUSE_S if self._greeted else GREETING_S):
                    self._end.begin()
                if not self._end.done:
                    self._said_s = self._now_s()
                elif min(self._quiet_s(), self._now_s() - self._said_s) >= wait_s:
                    return
                await self._conversation.send(frame)

    async def _listen(self) -> None:
        async for event in self._conversation:
            now_s = self._now_s()
            match event:
                case Audio(data):
                    self._greeted, self._sound_s = True, now_s
                    self._end.play(data)
                    await self._write(self.heard.feed(data, now_s))
                case BargeIn():
                    self._end.hush()
                    await self._write(self.heard.interrupt(now_s))
            self._tell(event, now_s)
        await self._write(self.heard.finish())  # the agent's last words were sent before they are heard

    async def _write(self, pcm: bytes) -> None:
        if self._output is not None:
            await self._output.write(pcm)

    def _quiet_s(self) -> float:
        """How long the agent has been silent."""
        return self._now_s() - self._sound_s

    def _now_s(self) -> float:
        return self._clock.now_s() - self._began_s
