"""What every provider must do, whoever it is: the local ones, and each vendor's adapter against its emulator.

A provider is found by its file. Each case gives the right audio, or one clean error; never silence, a hang or
audio twice. Waiting is in virtual time.
"""

from __future__ import annotations

import asyncio
from dataclasses import fields

import pytest

from tests.support.subjects import (
    LIVE,
    Heard,
    Subject,
    everybody_param,
    is_begin,
    settings,
    squeezed,
    vendors_param,
)
from voxgate.audio.decoder import decode
from voxgate.audio.format import Codec, Container
from voxgate.errors import (
    CapacityError,
    InvalidRequest,
    InvalidVoice,
    ProviderDenied,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
    SynthesisError,
    VoxgateError,
)
from voxgate.providers.contract import CancelSupport
from voxgate.speech.receipt import Outcome
from voxgate.speech.text_source import TextSource
from voxgate.speech.utterance import Markup
from voxgate.testing.emulators.base import Faults
from voxgate.testing.scripted import CHARACTER_MS

TEXT = "The quick brown fox jumps."
LONG = "It goes on for a while, and then it ends. " * 120
SECOND = 48_000
"""Bytes of PCM at 24 kHz; coded audio is shorter, so faults are placed early."""

everybody = pytest.mark.parametrize("subject", everybody_param())
vendors = pytest.mark.parametrize("subject", vendors_param())


def told(faults: Faults) -> str:
    """Name what differs from no faults."""
    usual = Faults()
    return "-".join(
        f"{field.name}={getattr(faults, field.name)}"
        for field in fields(Faults)
        if getattr(faults, field.name) != getattr(usual, field.name)
    )


def check_spoken(subject: Subject, heard: Heard, text: str) -> None:
    assert heard.error is None
    assert heard.receipt.outcome is Outcome.COMPLETED
    assert heard.duration_s > 0
    if subject.speaks_tones:
        assert heard.text == squeezed(text)


def check_failed(heard: Heard, *kinds: type[VoxgateError]) -> None:
    assert isinstance(heard.error, kinds), repr(heard.error)
    assert heard.receipt.outcome is Outcome.FAILED
    assert heard.receipt.error_code == heard.error.code


# Speaking.


@pytest.mark.ability("speech")
@everybody
async def test_a_sentence_is_spoken_and_the_receipt_tells(subject: Subject) -> None:
    async with subject.open() as house:
        heard = await house.speak(TEXT)
        check_spoken(subject, heard, TEXT)
        assert heard.receipt.characters_sent == len(TEXT)
        assert heard.receipt.audio_made_s == pytest.approx(heard.duration_s)
        assert len({chunk.rate_hz for chunk in heard.chunks if chunk.pcm}) == 1
        assert all(len(chunk.pcm) % 2 == 0 for chunk in heard.chunks)
        if subject.is_emulated:
            (asked,) = house.emulator.asked
            assert squeezed(asked.text) == squeezed(TEXT)


@pytest.mark.ability("text_stream")
@everybody
async def test_text_that_comes_in_pieces_is_spoken_whole(subject: Subject) -> None:
    pieces = ["The qui", "ck brown ", "fox jumps", ". And then", " it sle", "eps. "]
    async with subject.open() as house:
        heard = await house.speak_pieces(*pieces)
        check_spoken(subject, heard, "".join(pieces))
        assert heard.receipt.characters_accepted == len("".join(pieces))
        if subject.is_emulated and house.provider.capabilities.text_stream:
            assert len(house.emulator.asked) == 1


@everybody
async def test_flushed_text_is_heard_before_more_is_written(subject: Subject) -> None:
    async with subject.open() as house:
        source = TextSource()
        stream = house.speaker.speak(house.utterance(""), source)
        source.write("Hello there ")
        source.flush()
        chunk = await anext(stream)
        while not chunk.pcm:
            chunk = await anext(stream)
        source.write("my friend.")
        source.end()
        chunks = [chunk, *[each async for each in stream]]
        check_spoken(subject, Heard(chunks, None, await stream.receipt), "Hello there my friend.")


@everybody
async def test_one_character(subject: Subject) -> None:
    async with subject.open() as house:
        check_spoken(subject, await house.speak("A"), "A")


@pytest.mark.parametrize("text", ["", "   ", " \n\t ", "\U0001f600"])
@everybody
async def test_nothing_to_say_is_no_hang(subject: Subject, text: str) -> None:
    async with subject.open() as house:
        heard = await house.speak(text)
        assert heard.error is None or isinstance(heard.error, InvalidRequest | SynthesisError)
        check_spoken(subject, await house.speak("Still here."), "Still here.")


@everybody
async def test_five_thousand_characters(subject: Subject) -> None:
    async with subject.open() as house:
        heard = await house.speak(LONG)
        assert heard.error is None
        if not subject.speaks_tones:
            assert heard.duration_s > 60
            return
        spoken = len(LONG)
        if subject.is_emulated:
            assert squeezed("".join(asked.text for asked in house.emulator.asked)) == squeezed(LONG)
            spoken = sum(len(asked.text) for asked in house.emulator.asked)
        assert heard.duration_s == pytest.approx(spoken * CHARACTER_MS / 1000, rel=0.02)


@pytest.mark.parametrize("count", [2, 20])
@everybody
async def test_several_at_once_do_not_meet(subject: Subject, count: int) -> None:
    texts = [f"This is speaker {number}, hello." for number in range(count)]
    async with subject.open() as house, asyncio.TaskGroup() as group:
        tasks = [group.create_task(house.speak(text)) for text in texts]
        for task, text in zip(tasks, texts, strict=True):
            check_spoken(subject, await task, text)


@everybody
async def test_one_after_the_other(subject: Subject) -> None:
    async with subject.open() as house:
        for text in ("One thing.", "Another thing.", "The last thing."):
            check_spoken(subject, await house.speak(text), text)


@everybody
async def test_a_voice_that_is_not_there(subject: Subject) -> None:
    async with subject.open() as house:
        heard = await house.speak(TEXT, voice=house.bad_voice)
        check_failed(heard, ProviderRejected, InvalidVoice)
        assert not heard.chunks


@vendors
async def test_a_wrong_key_is_refused_and_shown_to_nobody(subject: Subject) -> None:
    async with subject.open() as house:
        if house.emulator.keyless:
            pytest.skip("knows no keys")
        house.emulator.key = "another-key"
        heard = await house.speak(TEXT)
        check_failed(heard, ProviderDenied)
        assert heard.error is not None
        assert "emulated-key" not in heard.error.message


@pytest.mark.ability("word_times")
@everybody
async def test_word_times_grow_and_point_at_words(subject: Subject) -> None:
    async with subject.open() as house:
        if not house.provider.capabilities.word_times:
            pytest.skip("gives none")
        heard = await house.speak(TEXT)
        words = [word for chunk in heard.chunks for word in chunk.words]
        assert [TEXT[word.text_start :][: word.text_length].strip(".") for word in words] == TEXT.strip(
            "."
        ).split()
        assert [word.at_s for word in words] == sorted(word.at_s for word in words)
        assert 0 <= words[0].at_s < words[-1].at_s < heard.duration_s


# What can be asked for.


@pytest.mark.ability("speed")
@pytest.mark.parametrize("speed", [0.6, 1.15, 1.9])
@everybody
async def test_any_speed_is_reached(subject: Subject, speed: float) -> None:
    async with subject.open() as house:
        normal = await house.speak(LONG[:84])
        other = await house.speak(LONG[:84], settings=settings(speed=speed))
        assert other.error is None
        assert other.duration_s == pytest.approx(normal.duration_s / speed, rel=0.12)


@pytest.mark.ability("pitch")
@vendors
async def test_pitch_reaches_the_vendor(subject: Subject) -> None:
    async with subject.open() as house:
        if not house.provider.capabilities.pitch:
            pytest.skip("has none")
        assert (await house.speak(TEXT)).error is None
        assert (await house.speak(TEXT, settings=settings(pitch_semitones=2.0))).error is None
        before, after = house.emulator.asked
        assert after.settings != before.settings


@pytest.mark.ability("volume")
@everybody
async def test_a_lower_volume_is_no_louder(subject: Subject) -> None:
    async with subject.open() as house:
        heard = await house.speak(TEXT, settings=settings(volume=0.5))
        assert heard.error is None
        if subject.is_emulated and house.provider.capabilities.volume:
            assert house.emulator.asked[0].settings
        elif subject.is_emulated:
            assert max(map(abs, memoryview(heard.pcm).cast("h"))) == pytest.approx(6000, rel=0.05)


@pytest.mark.ability("ssml")
@everybody
async def test_markup_is_spoken_or_refused(subject: Subject) -> None:
    async with subject.open() as house:
        heard = await house.speak("<speak>Hello.</speak>", markup=Markup.SSML)
        if house.provider.capabilities.ssml:
            assert heard.error is None
        else:
            check_failed(heard, InvalidRequest)


@pytest.mark.ability("formats")
@vendors
async def test_every_format_it_claims_passes_through_whole(subject: Subject) -> None:
    async with subject.open() as house:
        claimed = house.provider.capabilities.formats
        if not claimed:
            pytest.skip("hands on no files")
        plain = await house.speak(TEXT)
        for wanted in claimed:
            heard = await house.speak(TEXT, passthrough=wanted)
            assert heard.error is None, wanted
            assert {chunk.coded for chunk in heard.chunks if chunk.pcm} == {wanted}
            if wanted.container is Container.RAW and wanted.codec is not Codec.MP3:
                width = {Codec.PCM_S16LE: 2, Codec.PCM_S32LE: 4}.get(wanted.codec, 1)
                duration_s = len(heard.pcm) / width / wanted.rate_hz
            else:
                sound = decode(heard.pcm)
                duration_s = len(sound.pcm) / 2 / sound.rate_hz
            # An MP3 at 8 kHz is longer by 180 ms: what its codec needs before and behind the sound.
            assert duration_s == pytest.approx(plain.duration_s, rel=0.05, abs=0.2), wanted


@pytest.mark.ability("voices")
@vendors
async def test_the_vendor_lists_its_voices(subject: Subject) -> None:
    async with subject.open() as house:
        voices = await house.provider.list_voices()
        if voices is None:
            pytest.skip("cannot be asked")
        assert house.voice.voice_id.lower() in {voice.name.voice_id.lower() for voice in voices}
        assert {voice.name.provider for voice in voices} == {house.provider.name}


# Stopping, pausing, coming back.


@pytest.mark.ability("cancel")
@pytest.mark.parametrize("percent", [0, 50, 100])
@everybody
async def test_cancelled_means_silent_and_the_next_is_clean(subject: Subject, percent: int) -> None:
    text = LONG[:84] if subject.speaks_tones else LONG[:200]
    faults = Faults(piece_s=0.05) if subject.is_emulated else Faults()
    async with subject.open(faults) as house:
        stream = house.speaker.speak(house.utterance(text))
        heard_s, aim_s = 0.0, len(text) * CHARACTER_MS / 1000 * percent / 100
        while heard_s < aim_s and (chunk := await anext(stream, None)) is not None:
            heard_s += chunk.duration_s
        if percent == 0:
            await asyncio.sleep(0.06 if subject.is_emulated else 0)
        stream.cancel()
        assert await anext(stream, None) is None
        receipt = await stream.receipt
        assert receipt.outcome in (Outcome.CANCELLED, Outcome.COMPLETED)
        check_spoken(subject, await house.speak("Afterwards."), "Afterwards.")
        if subject.is_emulated and percent == 50:
            await asyncio.sleep(2)
            support = house.provider.capabilities.cancel
            assert house.emulator.asked[0].cancelled or support is CancelSupport.NONE
            assert not house.emulator.asked[0].done or support is not CancelSupport.HARD


@vendors
async def test_a_pause_in_mid_reply_is_waited_for(subject: Subject) -> None:
    async with subject.open(Faults(pause_after=4000, pause_s=10)) as house:
        check_spoken(subject, await house.speak(TEXT), TEXT)


@pytest.mark.parametrize("idle_s", [30, 200, 700])
@vendors
async def test_after_a_long_silence(subject: Subject, idle_s: int) -> None:
    if LIVE and idle_s > 30:
        pytest.skip("real time is too long for it")
    async with subject.open() as house:
        check_spoken(subject, await house.speak("Before."), "Before.")
        await asyncio.sleep(idle_s)
        check_spoken(subject, await house.speak("After."), "After.")


@vendors
async def test_the_vendor_starts_anew(subject: Subject) -> None:
    async with subject.open() as house:
        check_spoken(subject, await house.speak("Before."), "Before.")
        await house.emulator.__aexit__(None, None, None)
        check_failed(await house.speak("Nobody."), ProviderUnavailable, ProviderTimeout)
        await house.emulator.__aenter__()
        check_spoken(subject, await house.speak("After."), "After.")


# Faults.


@pytest.mark.parametrize(
    ("status", "kinds"),
    [
        (400, (ProviderRejected, InvalidRequest)),
        (401, (ProviderDenied,)),
        (403, (ProviderDenied,)),
        (429, (CapacityError,)),
        (500, (ProviderUnavailable,)),
        (502, (ProviderUnavailable,)),
        (503, (ProviderUnavailable, CapacityError)),
    ],
)
@vendors
async def test_a_refusal_is_what_it_is(
    subject: Subject, status: int, kinds: tuple[type[VoxgateError], ...]
) -> None:
    async with subject.open(Faults(refuse_status=status)) as house:
        heard = await house.speak(TEXT)
        denied = (ProviderDenied,) if status == house.emulator.wrong_key_status else ()
        check_failed(heard, *kinds, *denied)
        house.forgive()
        check_spoken(subject, await house.speak("Again."), "Again.")


@pytest.mark.parametrize("after", [0, 6000])
@vendors
async def test_a_black_hole_is_given_up(subject: Subject, after: int) -> None:
    async with subject.open(Faults(silent_after=after)) as house:
        heard = await house.speak(TEXT)
        check_failed(heard, ProviderTimeout)
        assert is_begin(heard, TEXT, heard.rate_hz)
        if after == 0:
            assert not heard.pcm
        house.forgive()
        check_spoken(subject, await house.speak("Again."), "Again.")


@pytest.mark.parametrize(
    "faults",
    [
        Faults(reset_after=0),
        Faults(reset_after=6000),
        Faults(close_after=0),
        Faults(close_after=6000),
        Faults(error_after=0),
        Faults(error_after=6000),
        Faults(garbage_after=0),
        Faults(garbage_after=6000),
        Faults(huge_after=6000),
    ],
    ids=told,
)
@vendors
async def test_a_reply_that_breaks_off_is_an_error(subject: Subject, faults: Faults) -> None:
    async with subject.open(faults) as house:
        heard = await house.speak(TEXT)
        check_failed(heard, SynthesisError, CapacityError)
        assert is_begin(heard, TEXT, heard.rate_hz)
        house.forgive()
        check_spoken(subject, await house.speak("Again."), "Again.")


@vendors
async def test_reset_at_fifty_points(subject: Subject) -> None:
    text = "Reset me."
    size = len(text) * CHARACTER_MS * SECOND // 1000
    async with subject.open() as house:
        for point in range(50):
            house.emulator.faults = Faults(reset_after=size * point // 50)
            heard = await house.speak(text)
            if heard.error is None:  # coded audio may be shorter than that
                assert heard.text == squeezed(text)
            else:
                assert isinstance(heard.error, SynthesisError)
                assert is_begin(heard, text, heard.rate_hz)
            house.forgive()


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 10])
@vendors
async def test_bytes_cut_anywhere_are_put_together(subject: Subject, size: int) -> None:
    text = "Cut."
    async with subject.open(Faults(slice_bytes=size)) as house:
        heard = await house.speak(text)
        check_spoken(subject, heard, text)
        assert all(len(chunk.pcm) % 2 == 0 for chunk in heard.chunks)


@vendors
async def test_a_header_in_every_piece_is_taken_out_or_refused(subject: Subject) -> None:
    async with subject.open(Faults(header_in_every_piece=True)) as house:
        heard = await house.speak(TEXT)
        if heard.error is None:
            assert heard.text == squeezed(TEXT)
        else:
            check_failed(heard, SynthesisError)


@vendors
async def test_another_rate_than_asked_for_is_no_hang(subject: Subject) -> None:
    async with subject.open(Faults(wrong_rate_hz=16_000)) as house:
        heard = await house.speak(TEXT)
        assert heard.error is None or isinstance(heard.error, SynthesisError)


@vendors
async def test_success_without_audio_is_found_out(subject: Subject) -> None:
    async with subject.open(Faults(empty=True)) as house:
        check_failed(await house.speak(TEXT), SynthesisError)


@vendors
async def test_audio_behind_the_end_reaches_nobody(subject: Subject) -> None:
    async with subject.open(Faults(audio_after_end=True)) as house:
        for text in ("First.", "Second.", "Third."):
            check_spoken(subject, await house.speak(text), text)


@pytest.mark.parametrize(
    "faults",
    [
        Faults(silent_after=0),
        Faults(reset_after=0),
        Faults(close_after=0),
        Faults(error_after=0),
        Faults(garbage_after=0),
        Faults(empty=True),
        Faults(refuse_status=401),
        Faults(refuse_status=429),
        Faults(refuse_status=500),
    ],
    ids=told,
)
@vendors
async def test_another_provider_speaks_instead_while_nothing_was_heard(
    subject: Subject, faults: Faults
) -> None:
    async with subject.open(faults) as house:
        house.rescued = True
        heard = await house.speak(TEXT)
        check_spoken(subject, heard, TEXT)
        assert heard.receipt.provider == "Local.Test"


@vendors
async def test_nobody_steps_in_once_something_was_heard(subject: Subject) -> None:
    async with subject.open(Faults(reset_after=SECOND // 4)) as house:
        house.rescued = True
        heard = await house.speak(TEXT)
        if heard.error is None:  # all came at once, or too little to be heard: then the other spoke all of it
            assert heard.text == squeezed(TEXT)
        else:
            assert heard.pcm
            assert is_begin(heard, TEXT, heard.rate_hz)


@vendors
async def test_a_reader_that_stops_holds_little(subject: Subject) -> None:
    async with subject.open() as house:
        stream = house.speaker.speak(house.utterance(LONG[:420]))
        await anext(stream)
        await asyncio.sleep(5)
        check_spoken(subject, await house.speak("Neighbour."), "Neighbour.")
        rest = [chunk async for chunk in stream]
        assert rest
        assert stream.error is None


async def test_every_adapter_is_put_through_this() -> None:
    names = {param.values[0].name for param in vendors_param()}
    assert names
