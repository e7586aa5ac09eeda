"""Figures of what the server has done since it started, counted from receipts."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass

from voxgate.speech.receipt import Outcome, Receipt

FIRST_AUDIO_BOUNDS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
"""Upper bounds of the buckets of first-audio times; one more bucket takes what is above."""

MAX_TENANTS = 10_000
"""Tenants whose usage is counted apart; those that come later share the account of `OTHER_TENANTS`."""
OTHER_TENANTS = "(others)"


@dataclass(slots=True)
class Usage:
    """What one tenant has used.

    Attributes:
        utterances: spoken or tried.
        failed: of these, how many could not be spoken.
        characters: of text.
        audio_s: seconds of audio that were taken.
    """

    utterances: int = 0
    failed: int = 0
    characters: int = 0
    audio_s: float = 0.0


class Figures:
    """Counts receipts. A `voxgate.speech.receipt.ReceiptSink`.

    Attributes:
        outcomes: utterances by how they ended.
        errors: failed utterances by their error's code.
        providers: utterances by who spoke.
        failures: failed utterances by who should have spoken.
        cached: utterances answered from the cache.
        characters_accepted: of text handed to the Speaker.
        characters_sent: of text handed to providers.
        audio_made_s: seconds of audio made.
        audio_delivered_s: seconds of audio that clients were given.
        first_audio: utterances by bucket of `FIRST_AUDIO_BOUNDS_MS`.
        tenants: usage by tenant.
    """

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.providers: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.cached = 0
        self.characters_accepted = 0
        self.characters_sent = 0
        self.audio_made_s = 0.0
        self.audio_delivered_s = 0.0
        self.first_audio = [0] * (len(FIRST_AUDIO_BOUNDS_MS) + 1)
        self.tenants: dict[str, Usage] = {}

    def __call__(self, receipt: Receipt) -> None:
        """Count one receipt."""
        self.outcomes[receipt.outcome.value] += 1
        if receipt.error_code is not None:
            self.errors[receipt.error_code] += 1
        failed = receipt.outcome is Outcome.FAILED
        if receipt.provider:
            self.providers[receipt.provider] += 1
            self.failures[receipt.provider] += failed
        self.cached += receipt.cached
        self.characters_accepted += receipt.characters_accepted
        self.characters_sent += receipt.characters_sent
        self.audio_made_s += receipt.audio_made_s
        self.audio_delivered_s += receipt.audio_delivered_s
        if receipt.first_audio_ms is not None:
            self.first_audio[bisect_left(FIRST_AUDIO_BOUNDS_MS, receipt.first_audio_ms)] += 1
        usage = self._usage_of(receipt.tenant)
        usage.utterances += 1
        usage.failed += failed
        usage.characters += receipt.characters_accepted
        usage.audio_s += receipt.audio_delivered_s

    @property
    def utterances(self) -> int:
        """How many there were."""
        return self.outcomes.total()

    def _usage_of(self, tenant: str) -> Usage:
        if tenant not in self.tenants and len(self.tenants) >= MAX_TENANTS:
            tenant = OTHER_TENANTS
        return self.tenants.setdefault(tenant, Usage())
