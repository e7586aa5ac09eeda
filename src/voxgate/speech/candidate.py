"""One way to speak an utterance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from voxgate.providers.contract import Capabilities, Provider
from voxgate.speech.breaker import BreakerKey
from voxgate.speech.utterance import Utterance


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to speak an utterance.

    Attributes:
        provider: who speaks.
        utterance: with the provider's own voice and adjusted settings in place.
        stand_in: whether this is not the voice asked for.
    """

    provider: Provider
    utterance: Utterance
    stand_in: bool

    @property
    def abilities(self) -> Capabilities:
        """What the provider can do with this voice."""
        return self.provider.abilities(self.utterance.voice)

    @property
    def breaker(self) -> BreakerKey | None:
        """Whose breaker it depends on; None for a provider that has none."""
        if not self.provider.guarded:
            return None
        return self.provider.name, self.provider.account(self.utterance.tenant)


FindCandidates = Callable[[Utterance], Sequence[Candidate]]
"""Lists who can speak an utterance, best first; raises `voxgate.errors.InvalidVoice` when nobody can."""
