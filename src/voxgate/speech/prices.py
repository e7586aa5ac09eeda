"""What speech costs, by the price table of the settings."""

from __future__ import annotations

from collections.abc import Mapping

from voxgate.speech.voice import VoiceName

_CHARACTERS = 1_000_000


class Prices:
    """Prices of a million characters, in whatever currency the table is in.

    Args:
        table: by ``Provider.Model`` or ``Provider``, without regard to case; the more exact one wins.
    """

    def __init__(self, table: Mapping[str, float]) -> None:
        self._table = {name.lower(): price for name, price in table.items()}

    def of(self, voice: VoiceName, characters: int) -> float | None:
        """Estimate what characters spoken by a voice cost; None when the table does not say."""
        names = (f"{voice.provider}.{voice.model}", voice.provider)
        price = next((self._table[name.lower()] for name in names if name.lower() in self._table), None)
        return None if price is None else characters * price / _CHARACTERS
