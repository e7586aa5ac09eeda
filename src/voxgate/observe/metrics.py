"""Figures of what the server has done since it started, counted from receipts."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

from voxgate.speech.receipt import Receipt

FIRST_AUDIO_BOUNDS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
"""Upper bounds of the buckets of first-audio times; one more bucket takes what is above."""


class Figures:
    """Counts receipts. A `voxgate.speech.receipt.ReceiptSink`.

    Attributes:
        outcomes: utterances by how they ended.
        errors: failed utterances by their error's code.
        providers: utterances by who spoke.
        cached: utterances answered from the cache.
        characters_accepted: of text handed to the Speaker.
        characters_sent: of text handed to providers.
        audio_made_s: seconds of audio made.
        audio_delivered_s: seconds of audio that clients were given.
        first_audio: utterances by bucket of `FIRST_AUDIO_BOUNDS_MS`.
    """

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.providers: Counter[str] = Counter()
        self.cached = 0
        self.characters_accepted = 0
        self.characters_sent = 0
        self.audio_made_s = 0.0
        self.audio_delivered_s = 0.0
        self.first_audio = [0] * (len(FIRST_AUDIO_BOUNDS_MS) + 1)

    def __call__(self, receipt: Receipt) -> None:
        """Count one receipt."""
        self.outcomes[receipt.outcome.value] += 1
        if receipt.error_code is not None:
            self.errors[receipt.error_code] += 1
        if receipt.provider:
            self.providers[receipt.provider] += 1
        self.cached += receipt.cached
        self.characters_accepted += receipt.characters_accepted
        self.characters_sent += receipt.characters_sent
        self.audio_made_s += receipt.audio_made_s
        self.audio_delivered_s += receipt.audio_delivered_s
        if receipt.first_audio_ms is not None:
            self.first_audio[bisect_left(FIRST_AUDIO_BOUNDS_MS, receipt.first_audio_ms)] += 1

    @property
    def utterances(self) -> int:
        """How many there were."""
        return self.outcomes.total()
