from __future__ import annotations

import pytest

from voxgate.audio.encoder import open_encoder
from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.providers.contract import AudioChunk
from voxgate.speech.run import RunEncoder
from voxgate.testing.scripted import tones

WAV = AudioFormat(Codec.PCM_S16LE, 24_000, Container.WAV)
MP3 = AudioFormat(Codec.MP3, 24_000)
OGG = AudioFormat(Codec.OPUS, 24_000, Container.OGG)
PIECE = AudioChunk(tones("ab"), 24_000)


def whole_run(encoder: RunEncoder, chunk: AudioChunk = PIECE) -> bytes:
    return encoder.encode(chunk) + encoder.finish()


@pytest.mark.parametrize("target", [WAV, MP3, OGG])
def test_a_run_is_what_an_encoder_makes_of_it(target: AudioFormat) -> None:
    alone = open_encoder(target, 24_000)
    assert whole_run(RunEncoder(target)) == alone.feed(PIECE.pcm) + alone.finish()


def test_there_is_an_encoder_only_while_there_is_a_run() -> None:
    encoder = RunEncoder(MP3)
    states = [encoder.is_open]
    encoder.encode(PIECE)
    states.append(encoder.is_open)
    encoder.finish()
    states.append(encoder.is_open)
    encoder.encode(PIECE)
    encoder.discard()
    states.append(encoder.is_open)
    assert states == [False, True, False, False]
    assert encoder.finish() == b""


def test_only_the_first_run_that_was_sent_brings_the_header() -> None:
    encoder = RunEncoder(WAV)
    assert encoder.encode(PIECE).startswith(b"RIFF")
    encoder.discard()
    assert whole_run(encoder).startswith(b"RIFF")
    encoder.mark_sent()
    assert whole_run(encoder) == PIECE.pcm


def test_streams_of_one_chain_have_numbers_of_their_own() -> None:
    encoder, serials = RunEncoder(OGG), set()
    for _ in range(3):
        serials.add(whole_run(encoder)[14:18])
        encoder.mark_sent()
        encoder.encode(PIECE)
        encoder.discard()
    assert len(serials) == 3


def test_another_rate_goes_on_where_the_one_before_ended() -> None:
    encoder = RunEncoder(AudioFormat(Codec.PCM_S16LE, 24_000))
    pcm = encoder.encode(PIECE)
    encoder.mark_sent()
    pcm += encoder.encode(AudioChunk(tones("ab", rate_hz=16_000), 16_000)) + encoder.finish()
    assert len(pcm) == pytest.approx(2 * len(PIECE.pcm), abs=8)
    assert pcm.startswith(PIECE.pcm[:-200])
