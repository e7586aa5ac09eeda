"""What is known about a model, whichever of its voices speaks.

The facts are data (``voxgate/data/voices/*.toml``); the doors decide from them and know no vendor by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from voxgate.errors import NotPermitted, UnsupportedFormat

DEFAULT_FORMAT = "mp3"
"""What a client gets that names no format: clients in the field send none and decode MP3 only."""
DEFAULT_RATE_HZ = 24_000


class Delivery(StrEnum):
    """How a sentence's audio reaches the client (source: Telnyx docs, engines and voices page)."""

    STREAMED = "streamed"
    """In frames of its own, as it is made; the frame that bears the text has none."""
    CONCATENATED = "concatenated"
    """All of it in the frame that bears the text."""


class Unlisted(StrEnum):
    """What a voice id is that the catalogue does not list."""

    REFUSED = "refused"
    """A mistake: the list is closed."""
    CLONE = "clone"
    """Somebody's clone, for callers whose identity is verified."""
    TAKEN = "taken"
    """A voice that only the vendor knows: taken as given."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known about one model of one provider.

    Attributes:
        provider: canonical spelling.
        model: canonical spelling; empty for providers without models.
        delivery: streamed or concatenated.
        websocket: whether Telnyx offers it on its public WebSocket.
        formats: values of Telnyx's ``audio_format`` that the vendor documents.
        rates_hz: values of ``sample_rate`` that the vendor documents; empty when it names none.
        exact: whether the vendor documents a refusal of everything else. Where it does not, a format or
            rate outside the lists may be honoured by whoever can make it.
        default_rate_hz: when the client names none.
        native_rate_hz: what the model makes; 0 when it varies.
        unlisted: what an id is that the catalogue does not list.
        takes_names: takes a listed voice's name for its id (``elevenlabs.v3.Adam``).
        takes_ssml: honours ``text_type=ssml``.
        takes_language: honours ``language``.
    """

    provider: str = ""
    model: str = ""
    delivery: Delivery = Delivery.STREAMED
    websocket: bool = True
    formats: tuple[str, ...] = (DEFAULT_FORMAT, "linear16")
    rates_hz: tuple[int, ...] = ()
    exact: bool = False
    default_rate_hz: int = DEFAULT_RATE_HZ
    native_rate_hz: int = 0
    unlisted: Unlisted = Unlisted.TAKEN
    takes_names: bool = False
    takes_ssml: bool = False
    takes_language: bool = False

    @property
    def title(self) -> str:
        """How to call it in a message."""
        return f"{self.provider}.{self.model}" if self.model else self.provider

    @property
    def closed(self) -> bool:
        """Whether only listed voices exist."""
        return self.unlisted is Unlisted.REFUSED

    def check_websocket(self) -> None:
        """Raise `NotPermitted` when Telnyx does not offer this model on its WebSocket."""
        if not self.websocket:
            raise NotPermitted(f"{self.title} is not available over WebSocket; use the REST API")

    def check_format(self, audio_format: str, rate_hz: int | None = None) -> None:
        """Refuse what the vendor documents it refuses.

        Args:
            audio_format: in Telnyx's words (``mp3``, ``linear16``, ``wav``, ``mulaw``, ...).
            rate_hz: as the client named it, if it did.

        Raises:
            UnsupportedFormat: ``exact`` is set and this is outside the lists.
        """
        if not self.exact:
            return
        if audio_format not in self.formats:
            known = ", ".join(self.formats)
            raise UnsupportedFormat(
                f"{self.title} does not make {audio_format}; it makes {known}", field="audio_format"
            )
        if rate_hz is not None and self.rates_hz and rate_hz not in self.rates_hz:
            known = ", ".join(map(str, self.rates_hz))
            raise UnsupportedFormat(
                f"{self.title} does not make {rate_hz} Hz; it makes {known}", field="sample_rate"
            )


NOTHING_KNOWN = ModelFacts()
"""Of a model that no file describes."""
