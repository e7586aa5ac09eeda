"""Replies as several vendors send them: whole over HTTP, and bit by bit while their text still comes."""

from __future__ import annotations

import asyncio
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

from voxgate.audio.encoder import Encoder, open_encoder
from voxgate.audio.format import AudioFormat, Codec, bit_rates_kbps
from voxgate.testing.emulators._fields import Refused
from voxgate.testing.emulators._session import Session
from voxgate.testing.emulators._speech import made_rate_hz
from voxgate.testing.emulators.base import Asked, Emulator

_SENTENCE_END = re.compile(r"[.!?…。]+[\"')\]]*")


def sentences_end(text: str, *, followed: bool = False) -> int:
    """Tell where the last whole sentence ends; 0 where there is none.

    Args:
        text: written so far.
        followed: only what has more text behind it counts as whole.
    """
    last = len(text.rstrip()) - 1 if followed else len(text)
    ends = (match.end() for match in _SENTENCE_END.finditer(text))
    return max((end for end in ends if end <= last), default=0)


def mp3(rate_hz: int, kbps: int) -> AudioFormat:
    """Return MP3 at the highest bit rate up to ``kbps`` that it has at this sample rate."""
    known = bit_rates_kbps(Codec.MP3, rate_hz)
    return AudioFormat(Codec.MP3, rate_hz, bit_rate_kbps=max(each for each in known if each <= kbps))


@dataclass(frozen=True, slots=True)
class Order:
    """What speech is to be.

    Attributes:
        asked: the same in the vendor's words; its text is what a whole reply speaks.
        coding: of the audio.
        speed: of the speech.
        volume: likewise.
    """

    asked: Asked
    coding: AudioFormat
    speed: float = 1.0
    volume: float = 1.0

    def again(self) -> Order:
        """Return the same order of something else."""
        return replace(self, asked=replace(self.asked, settings=dict(self.asked.settings)))

    def speech(self, emulator: Emulator, text: str) -> bytes:
        """Return samples of a text."""
        return emulator.speech(text, self.coding.rate_hz, speed=self.speed, volume=self.volume)

    def coder(self, emulator: Emulator) -> Encoder:
        """Open an encoder of what `speech` returns, a wrong rate included."""
        made_hz = made_rate_hz(emulator, self.coding.rate_hz)
        coding = self.coding if made_hz == self.coding.rate_hz else replace(self.coding, rate_hz=made_hz)
        return open_encoder(coding, made_hz)

    def whole(self, emulator: Emulator) -> bytes:
        """Return all of the audio."""
        coder = self.coder(emulator)
        return coder.feed(self.speech(emulator, self.asked.text)) + coder.finish()


class Places:
    """How many replies there may be at once, over all connections.

    Args:
        most: there may be.
        message: of the refusal of one more.

    Attributes:
        taken: how many there are.
    """

    def __init__(self, most: int, message: str) -> None:
        self.most = most
        self.taken = 0
        self._message = message

    def take(self) -> None:
        """Take one; raises `Refused` when there is none left."""
        if self.taken >= self.most:
            raise Refused(self._message, 429)
        self.taken += 1

    def leave(self) -> None:
        """Give one back."""
        self.taken -= 1


class Reply(ABC):
    """One utterance on a socket.

    Args:
        session: of the socket.
        order: what it is to be. The text that was asked for grows with what is spoken.
        places: where it has taken one, to be left when it is over.

    Attributes:
        asked: what was asked for.
        characters: spoken before the text in hand.
        task: what speaks, once it was begun.
    """

    task: asyncio.Task[None]

    def __init__(self, session: Session, order: Order, places: Places | None = None) -> None:
        self.session = session
        self.order = order
        self.asked = order.asked
        self.characters = 0
        session.emulator.asked.append(self.asked)
        self._coder = order.coder(session.emulator)
        self._places = places
        self._waiting = ""
        self._ended = False
        self._news = asyncio.Event()
        self._bytes = 0

    def begin(self) -> None:
        """Run beside the socket's messages."""
        self.task = self.session.begin(self.run())
        self.task.add_done_callback(self._over)

    @abstractmethod
    async def run(self) -> None:
        """`speak`, and send the end mark or the error that it comes to."""

    @abstractmethod
    def frame(self, piece: bytes) -> str | bytes:
        """Wrap a piece of audio as the vendor does."""

    def before(self, text: str) -> None:
        """Get ready for the frames of a piece of text."""
        return

    async def after(self, text: str) -> None:
        """Send what the vendor sends behind the audio of a piece of text."""
        return

    def say(self, text: str) -> None:
        """Speak this once all before it was spoken."""
        self._waiting += text
        self._news.set()

    def end(self) -> None:
        """No more text comes."""
        self._ended = True
        self._news.set()

    def drop(self) -> None:
        """Forget what was not begun yet; what is being spoken goes on to its end."""
        self._waiting = ""
        self.end()

    def leave_place(self) -> None:
        """Make room for another; to be called before the end mark."""
        if self._places is not None:
            self._places.leave()
            self._places = None

    def hand_place_to(self, other: Reply) -> None:
        """Let another have this one's place."""
        self._places, other._places = None, self._places

    async def speak(self) -> None:
        """Send audio until `end` was called and everything was said. The end mark is the caller's.

        Raises:
            EmulatedError: send the vendor's error now.
            EmulatedClose: close the socket now.
        """
        try:
            while self._waiting or not self._ended:
                if self._waiting:
                    await self._say_next()
                else:
                    self._news.clear()
                    await self._news.wait()
            if rest := self._coder.finish():
                await self._send(rest)
        except ConnectionError:
            self.asked.cancelled = True
            raise

    async def stale(self) -> None:
        """Send a piece behind the end mark, where the faults want one."""
        await self.session.emulator.send_late(self.session.socket, b"", self.frame)

    def _over(self, task: asyncio.Task[None]) -> None:
        self.leave_place()
        if task.cancelled() and not self.asked.done:
            self.asked.cancelled = True

    async def _say_next(self) -> None:
        text, self._waiting = self._waiting, ""
        self.asked.text += text
        self.before(text)
        await self._send(self._coder.feed(self.order.speech(self.session.emulator, text)))
        await self.after(text)
        self.characters += len(text)

    async def _send(self, audio: bytes) -> None:
        session = self.session
        await session.emulator.send_frames(session.request, session.socket, audio, self.frame, self._bytes)
        self._bytes += len(audio)
