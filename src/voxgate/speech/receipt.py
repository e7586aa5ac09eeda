"""What became of an utterance: one Receipt each, whatever happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How an utterance ended."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The account of one utterance.

    Attributes:
        utterance_id: unique within the process.
        tenant: whose it was.
        voice: the voice asked for.
        spoken_by: the voice that really spoke, or the same.
        provider: who made the audio; empty when nobody was reached.
        characters_accepted: of the text as handed to the Speaker.
        characters_sent: of the text as handed to the provider; 0 from the cache.
        characters_billed: as the provider counts them, where it tells; else as many as were sent.
        cost: an estimate by the price table, in its currency; None when the table does not say.
        audio_made_s: seconds of audio the provider (or cache) produced.
        audio_delivered_s: seconds of audio the front took.
        first_audio_ms: from ``speak`` to the first audio available; None when there was none.
        cached: answered from the cache.
        outcome: completed, cancelled or failed.
        error_code: the error's stable code when failed.
        provider_request_id: the upstream's own id, when it gave one.
    """

    utterance_id: int
    tenant: str
    voice: str
    spoken_by: str
    provider: str
    characters_accepted: int
    characters_sent: int
    audio_made_s: float
    audio_delivered_s: float
    first_audio_ms: float | None
    cached: bool
    outcome: Outcome
    error_code: str | None = None
    provider_request_id: str | None = None
    characters_billed: int = 0
    cost: float | None = None


ReceiptSink = Callable[[Receipt], None]
"""Takes each Receipt, once, on the event loop; must not block."""
