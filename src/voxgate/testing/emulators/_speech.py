"""Speech as several vendors send it: coded in one go or sentence by sentence, and where its words are."""

from __future__ import annotations

from dataclasses import dataclass

from voxgate.audio.encoder import Encoder, open_encoder
from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.testing.emulators.base import Emulator
from voxgate.testing.scripted import CHARACTER_MS


@dataclass(frozen=True, slots=True)
class Coding:
    """What a client asked speech to be coded in.

    Attributes:
        codec: how.
        rate_hz: of the audio.
        container: in what.
    """

    codec: Codec
    rate_hz: int
    container: Container = Container.RAW

    @property
    def format(self) -> AudioFormat:
        """The same, known to exist.

        Raises:
            UnsupportedFormat: it does not.
        """
        return AudioFormat(self.codec, self.rate_hz, self.container)


def made_rate_hz(emulator: Emulator, rate_hz: int) -> int:
    """Tell the rate that `Emulator.speech` really makes when it is asked for ``rate_hz``."""
    return emulator.faults.wrong_rate_hz or rate_hz


def encoder(emulator: Emulator, coding: Coding, continues: int = 0) -> Encoder:
    """Open an encoder of what `Emulator.speech` makes for this coding, wrong rates included."""
    made_hz = made_rate_hz(emulator, coding.rate_hz)
    return open_encoder(AudioFormat(coding.codec, made_hz, coding.container), made_hz, continues=continues)


def coded(emulator: Emulator, coding: Coding, pcm: bytes, continues: int = 0) -> bytes:
    """Code a whole reply, or the next of several that belong to one stream."""
    coder = encoder(emulator, coding, continues)
    return coder.feed(pcm) + coder.finish()


def word_spans(text: str, *, speed: float = 1.0) -> list[tuple[str, float, float]]:
    """List the words of a text with the seconds at which their tones begin and end."""
    spans, position = [], 0
    for word in text.split():
        position = text.index(word, position)
        end = position + len(word)
        spans.append((word, seconds(position, speed), seconds(end, speed)))
        position = end
    return spans


def seconds(characters: int, speed: float = 1.0) -> float:
    """Tell how long so many characters sound."""
    return round(characters * CHARACTER_MS / 1000 / speed, 6)
