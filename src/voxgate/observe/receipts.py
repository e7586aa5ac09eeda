"""Receipts as lines of the log."""

from __future__ import annotations

import structlog

from voxgate.speech.receipt import Outcome, Receipt

log = structlog.get_logger()


def log_receipt(receipt: Receipt) -> None:
    """Log one receipt: at ``warning`` when it failed, else at ``debug``. A `ReceiptSink`."""
    tell = log.warning if receipt.outcome is Outcome.FAILED else log.debug
    tell(
        "utterance",
        utterance_id=receipt.utterance_id,
        tenant=receipt.tenant,
        outcome=receipt.outcome.value,
        error_code=receipt.error_code,
        voice=receipt.voice,
        spoken_by=receipt.spoken_by,
        provider=receipt.provider,
        characters_accepted=receipt.characters_accepted,
        characters_sent=receipt.characters_sent,
        characters_billed=receipt.characters_billed,
        cost=receipt.cost,
        audio_made_s=round(receipt.audio_made_s, 3),
        audio_delivered_s=round(receipt.audio_delivered_s, 3),
        first_audio_ms=None if receipt.first_audio_ms is None else round(receipt.first_audio_ms, 2),
        cached=receipt.cached,
        provider_request_id=receipt.provider_request_id,
    )
