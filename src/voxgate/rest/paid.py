"""Speech that is counted: the characters of the day, and the streams that a tenant may have at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from voxgate.access.keys import ApiKey
from voxgate.access.quota import Spending
from voxgate.access.streams import StreamPass
from voxgate.audio.format import AudioFormat
from voxgate.services import Services
from voxgate.speech.delivery import Delivery
from voxgate.speech.utterance import Utterance


class PaidDelivery(Delivery):
    """A delivery that waits for its turn, and costs nothing when nothing of it was heard.

    Args:
        services: of the server.
        key: whose it is.
        spending: what was spent for it.
        utterances: as for `Delivery`, like the rest.
    """

    def __init__(
        self,
        services: Services,
        key: ApiKey,
        spending: Spending,
        utterances: Iterable[Utterance],
        target: AudioFormat,
        *,
        stretch: float = 1.0,
    ) -> None:
        super().__init__(services.speaker, utterances, target, stretch=stretch)
        self._gate, self._key, self._spending = services.stream_gate, key, spending
        self._place: StreamPass | None = None
        self._heard = False

    async def begin(self) -> None:
        """Wait for a place, start to speak, and return when there is audio.

        Raises:
            VoxgateError: as the Speaker's streams fail.
        """
        turn = asyncio.Event()
        self._place = self._gate.enter(self._key, turn.set)
        await turn.wait()
        await super().begin()
        self._heard = True

    def cancel(self) -> None:
        """Stop at once, if there is anything to stop, and make room for the next."""
        super().cancel()
        if self._place is not None:
            self._place.leave()
        if not self._heard:
            self._spending.refund()
