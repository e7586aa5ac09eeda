"""The Telnyx WebSocket as its documentation has it, and every kind of bad input, against the real server."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.frames import OP_TEXT, Frame

from tests.support.listening import decode
from tests.support.server import RunningServer
from voxgate.testing.scripted import read_back, tones

PATH = "/v2/text-to-speech/speech"
PLAIN = {"voice": "Local.Test.plain", "audio_format": "linear16"}
INIT = '{"text": " "}'
END = '{"text": ""}'
MAX_FRAME_BYTES = 256 * 1024


@asynccontextmanager
async def connected(
    server: RunningServer, query: dict[str, str] = PLAIN, *, path: str = PATH, key: str | None = None
) -> AsyncIterator[ClientConnection]:
    headers = {"Authorization": f"Bearer {key or server.key}"}
    async with connect(
        f"{server.ws_url}{path}?{urlencode(query)}", additional_headers=headers, max_size=MAX_FRAME_BYTES
    ) as socket:
        yield socket


async def answers(socket: ClientConnection, *messages: str | bytes | dict[str, Any]) -> list[dict[str, Any]]:
    """Send messages, then read until the server closes."""
    for message in messages:
        await socket.send(json.dumps(message) if isinstance(message, dict) else message)
    frames = []
    with suppress(ConnectionClosedError):
        async for answer in socket:
            frames.append(json.loads(answer))
    return frames


async def speak(
    server: RunningServer, text: str, settings: dict[str, Any] | None = None, **query: str
) -> list[dict[str, Any]]:
    async with connected(server, {**PLAIN, **query}) as socket:
        init = {"text": " ", "voice_settings": settings} if settings else {"text": " "}
        frames = await answers(socket, init, {"text": text}, {"text": ""})
        assert socket.close_code == 1000, frames[-1]
        return frames


def audio_of(frames: list[dict[str, Any]]) -> bytes:
    return b"".join(base64.b64decode(frame.get("audio") or "") for frame in frames)


def texts_of(frames: list[dict[str, Any]]) -> list[str]:
    return [frame["text"] for frame in frames if frame.get("text")]


# Before the upgrade.


async def refused(server: RunningServer, query: dict[str, str], **headers: str) -> tuple[int, dict[str, Any]]:
    with pytest.raises(InvalidStatus) as caught:
        await connect(f"{server.ws_url}{PATH}?{urlencode(query)}", additional_headers=headers)
    response = caught.value.response
    assert response.headers["content-type"] == "application/json"
    (error,) = json.loads(response.body or b"")["errors"]
    return response.status_code, error


REFUSALS = [
    ({"voice": "nonsense"}, 400, "voice"),
    ({"voice": "Nobody.NaturalHD.astra"}, 400, "voice"),
    ({"voice": "Telnyx.NaturalHD.nobody"}, 400, "voice"),
    ({"provider": "nobody", "voice_id": "x"}, 400, "voice"),
    ({"provider": "aws"}, 400, "voice_id"),
    ({"audio_format": "opus"}, 400, "audio_format"),
    ({"sample_rate": "many"}, 400, "sample_rate"),
    ({"sample_rate": "44000"}, 400, "sample_rate"),
    ({"audio_format": "mp3", "sample_rate": "96000"}, 400, "sample_rate"),
    ({"voice": "Telnyx.Sukhan.urdu-professor", "audio_format": "wav"}, 400, "audio_format"),
    ({"text_type": "html"}, 400, "text_type"),
    ({"voice": "Telnyx.NaturalHD.astra", "text_type": "ssml"}, 400, "text_type"),
    ({"language": "!"}, 400, "language"),
    ({"voice": "Local.Espeak.en-us", "language": "fr"}, 400, "language"),
    ({"disable_cache": "perhaps"}, 400, "disable_cache"),
    ({"inactivity_timeout": "0"}, 400, "inactivity_timeout"),
    ({"pronunciation_dict_id": "no-such-dictionary"}, 400, "pronunciation_dict_id"),
    ({"voice": "Telnyx.Ultra.Callie"}, 403, None),
    ({"voice": "xai.eve"}, 403, None),
    ({"voice": "Telnyx.Qwen3TTS.d9348e0d-0000-4000-8000-000000000000"}, 403, None),
    ({"voice": "Telnyx.Ultra.Callie", "audio_format": "opus"}, 400, "audio_format"),
]


async def test_refusals_are_http_and_name_what_is_wrong(shared_server: RunningServer) -> None:
    for query, status, parameter in REFUSALS:
        told = await refused(shared_server, query, Authorization=f"Bearer {shared_server.key}")
        assert told[0] == status, (query, told)
        assert told[1].get("source") == ({"parameter": parameter} if parameter else None), (query, told)
        assert told[1]["code"].isdecimal()
        assert told[1]["title"]
        assert told[1]["detail"]


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong-key", "Basic dXNlcjpwYXNz", "wrong-key"]
)
async def test_who_asks_is_judged_first(shared_server: RunningServer, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    status, error = await refused(shared_server, {"voice": "nonsense"}, **headers)
    assert (status, error["code"], error["title"]) == (401, "10009", "Authentication failed")


async def test_how_often_is_judged_second(tmp_path: Path) -> None:
    with RunningServer(tmp_path, environment={"VOXGATE_LIMITS__CONNECTIONS_PER_KEY": "1"}) as server:
        async with connected(server):
            status, error = await refused(server, {"voice": "nonsense"}, Authorization=f"Bearer {server.key}")
        assert (status, error["code"]) == (429, "10011")
        for _ in range(100):  # the server learns of the close a moment later
            try:
                async with connected(server):
                    break
            except InvalidStatus:
                await asyncio.sleep(0.02)
        else:
            raise AssertionError("the place was never given back")


async def test_the_header_names_a_stand_in(shared_server: RunningServer) -> None:
    async with connected(shared_server, {"voice": "Telnyx.NaturalHD.astra"}) as socket:
        assert socket.response is not None
        assert socket.response.headers["x-voxgate-voice"].startswith("Local.Espeak.en-us+")
    async with connected(shared_server, {"voice": "Telnyx.NaturalHD.astra", "language": "bal"}) as socket:
        assert socket.response is not None
        assert socket.response.headers["x-voxgate-voice"].startswith("Local.Espeak.ur+")
    async with connected(shared_server) as socket:
        assert socket.response is not None
        assert "x-voxgate-voice" not in socket.response.headers


async def test_the_shorter_path_is_the_same(shared_server: RunningServer) -> None:
    async with connected(shared_server, path="/v2/text-to-speech") as socket:
        assert audio_of(await answers(socket, INIT, {"text": "Hi."}, END)) == tones("Hi.")


async def test_names_in_any_case_and_unencoded_plus_signs(shared_server: RunningServer) -> None:
    query = "voice=LOCAL.test.rate-16000+chunk-40&audio_format=PCM&sample_rate=16000"
    url = f"{shared_server.ws_url}{PATH}?{query}"
    async with connect(url, additional_headers={"authorization": f"bearer {shared_server.key}"}) as socket:
        frames = await answers(socket, INIT, {"text": "Hi."}, END)
    assert audio_of(frames) == tones("Hi.", rate_hz=16_000)


# Bad input after it.

FAULTS: list[tuple[str, list[str | bytes | dict[str, Any]], str, int]] = [
    ("not JSON", [INIT, "hello"], "Invalid message", 1008),
    ("half of it", [INIT, '{"text": "a'], "Invalid message", 1008),
    ("not an object", [INIT, "[]"], "Invalid message", 1008),
    ("nothing in it", [INIT, "{}"], "Invalid message", 1008),
    ("text of a wrong type", [INIT, {"text": 5}], "Invalid message", 1008),
    ("flush of a wrong type", [INIT, {"text": "a", "flush": "yes"}], "Invalid message", 1008),
    ("binary", [INIT, b'{"text": "a"}'], "Invalid message", 1008),
    ("text before init", [{"text": "Hello."}], "Invalid message", 1008),
    ("end before init", [END], "Invalid message", 1008),
    ("force before init", [{"force": True}], "Invalid message", 1008),
    ("binary before init", [b" "], "Invalid message", 1008),
    ("too much text", [INIT, {"text": "a" * 100_001}], "At most 100000 characters", 1008),
    ("too much text in parts", [INIT, *[{"text": "a " * 10_000}] * 6], "At most 100000 characters", 1008),
]


@pytest.mark.parametrize(
    ("messages", "error", "code"), [each[1:] for each in FAULTS], ids=[each[0] for each in FAULTS]
)
async def test_faults_are_told_and_close(
    shared_server: RunningServer, messages: list[str | bytes | dict[str, Any]], error: str, code: int
) -> None:
    async with connected(shared_server, {**PLAIN, "voice": "Local.Test.late-60000"}) as socket:
        (told,) = await answers(socket, *messages)
        assert told["type"] == "error"
        assert told["error"].startswith(error)
        assert socket.close_code == code
        assert (socket.close_reason or "").startswith(error)


async def test_voice_settings_out_of_range(shared_server: RunningServer) -> None:
    async with connected(shared_server, {"voice": "Telnyx.NaturalHD.astra"}) as socket:
        (told,) = await answers(socket, {"text": " ", "voice_settings": {"voice_speed": 9}})
        assert told["error"].startswith("voice_settings.voice_speed")
        assert socket.close_code == 1008


async def test_a_message_too_large_closes_with_1009(shared_server: RunningServer) -> None:
    async with connected(shared_server) as socket:
        assert await answers(socket, INIT, {"text": "a" * MAX_FRAME_BYTES}) == []
        assert socket.close_code == 1009


async def test_text_that_is_not_utf8_closes_with_1007(shared_server: RunningServer) -> None:
    async with connected(shared_server) as socket:
        await socket.send(INIT)
        data = Frame(OP_TEXT, b'{"text": "\xff\xfe"}').serialize(mask=True)
        socket.transport.write(data)
        assert await answers(socket) == []
        assert socket.close_code == 1007


@pytest.mark.parametrize(
    ("voice", "error", "code"),
    [
        ("Local.Test.refuse", "Invalid voice_id specified", 1008),
        ("Local.Test.no-such-direction", "Invalid voice_id specified", 1008),
        ("Local.Espeak.no-such-language", "Invalid voice_id specified", 1008),
        ("Local.Test.deny", "Error in audio response", 1011),
        ("Local.Test.empty", "Error in audio response", 1011),
        ("Local.Test.fail-2", "Error in audio response", 1011),
        ("Local.Test.full", "Server is busy, try again later", 1013),
    ],
)
async def test_who_speaks_fails(shared_server: RunningServer, voice: str, error: str, code: int) -> None:
    async with connected(shared_server, {**PLAIN, "voice": voice}) as socket:
        frames = await answers(socket, INIT, {"text": "Hello there."})
        assert frames[-1] == {"type": "error", "error": error}
        assert socket.close_code == code


async def test_who_speaks_fails_at_the_rest(shared_server: RunningServer) -> None:
    async with connected(shared_server, {**PLAIN, "voice": "Local.Test.late-100+fail-1"}) as socket:
        frames = await answers(socket, INIT, {"text": "the rest"}, END)
        assert frames[-1]["error"] == "Error in remaining audio response"
        assert socket.close_code == 1011


@pytest.mark.parametrize(
    "document",
    [
        "<speak>unclosed <p>.</speak>",
        "plain words",
        "<speak>&undefined;</speak>",
        "<other>words</other>",
        "<speak>half",
    ],
)
async def test_ssml_that_does_not_parse(shared_server: RunningServer, document: str) -> None:
    query = {"voice": "aws.Polly.Joanna", "text_type": "ssml"}
    async with connected(shared_server, query) as socket:
        frames = await answers(socket, INIT, {"text": document}, END)
        assert frames[-1]["error"].startswith("Invalid SSML")
        assert socket.close_code == 1008


@pytest.mark.parametrize("text", [" ", "\n", "...", "?!", "😀🎉", "***", "```\ncode\n```", "— “ ”", "\u200b"])
async def test_text_with_nothing_to_say_is_no_error(shared_server: RunningServer, text: str) -> None:
    async with connected(shared_server) as socket:
        (final,) = await answers(socket, INIT, {"text": text}, END)
        assert final == {"type": "final", "audio": None, "text": "", "isFinal": True}
        assert socket.close_code == 1000


async def test_an_end_before_any_text(shared_server: RunningServer) -> None:
    async with connected(shared_server) as socket:
        (final,) = await answers(socket, INIT, END)
        assert final["isFinal"] is True
        assert socket.close_code == 1000


async def test_unknown_fields_and_later_settings_are_ignored(shared_server: RunningServer) -> None:
    async with connected(shared_server) as socket:
        frames = await answers(
            socket,
            {"text": " ", "voice_settings": {"no_such": 1}, "generation_config": {}},
            {"text": "Hi.", "voice_settings": {"speed": 4}, "x": [1]},
            {"text": " ", "voice_settings": "nonsense"} | {"voice_settings": {"speed": 99}},
            END,
        )
    assert audio_of(frames) == tones("Hi.")


async def test_ten_thousand_characters_without_a_full_stop(shared_server: RunningServer) -> None:
    text = "words and " * 1000
    frames = await speak(shared_server, text, voice="Local.Test.plain")
    said = texts_of(frames)
    assert " ".join(said).split() == text.split()
    assert max(map(len, said)) <= 500
    assert read_back(audio_of(frames)).replace(" ", "") == text.replace(" ", "")


async def test_text_after_the_end_is_not_spoken(shared_server: RunningServer) -> None:
    async with connected(shared_server, {**PLAIN, "voice": "Local.Test.paced"}) as socket:
        frames = await answers(socket, INIT, {"text": "Hi."}, END, {"text": "Late."}, "nonsense")
        assert audio_of(frames) == tones("Hi.")
        assert sum(bool(frame.get("isFinal")) for frame in frames) == 1
        assert socket.close_code == 1000


async def test_silence_closes(shared_server: RunningServer) -> None:
    async with connected(shared_server, {**PLAIN, "inactivity_timeout": "1"}) as socket:
        assert await asyncio.wait_for(answers(socket, INIT), 10) == []
        assert socket.close_code == 1000


# Audio.

MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "linear16": "audio/pcm",
    "wav": "audio/wav",
    "mulaw": "audio/x-mulaw",
    "alaw": "audio/x-alaw",
    "ogg_vorbis": "audio/ogg",
}


@pytest.mark.parametrize("audio_format", MEDIA_TYPES)
@pytest.mark.parametrize("voice", ["Local.Test.plain", "Local.Test.rate-16000+chunk-7"])
async def test_every_word_was_heard_by_the_final(
    shared_server: RunningServer, audio_format: str, voice: str
) -> None:
    """In mid-session: the encoder has given out all that it had held back."""
    async with connected(shared_server, {"voice": voice, "audio_format": audio_format}) as socket:
        await socket.send(INIT)
        await socket.send('{"text": "Some words, then more"}')
        await socket.send('{"flush": true}')
        frames: list[dict[str, Any]] = []
        while not (frames and frames[-1].get("isFinal")):
            frames.append(json.loads(await socket.recv()))
    pcm = decode(audio_of(frames), MEDIA_TYPES[audio_format], to_hz=24_000)
    assert "Some words, then more" in heard(pcm)  # after what a decoder makes of the encoder's delay


def heard(pcm: bytes) -> str:
    """Read tones back, wherever the codec's delay has put the first."""
    readings = [read_back(pcm[skip:]) for skip in range(0, 24_000 // 10 * 2, 480)]
    return max(readings, key=lambda reading: sum(map(str.isalnum, reading)) - 10 * reading.count("?"))


@pytest.mark.parametrize("audio_format", ["mp3", "mulaw", "wav"])
async def test_no_old_word_after_an_interruption(shared_server: RunningServer, audio_format: str) -> None:
    query = {"voice": "Local.Test.paced", "audio_format": audio_format}
    async with connected(shared_server, query) as socket:
        await socket.send(INIT)
        await socket.send('{"text": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa. HHHHHHHH. HHH"}')
        first = [json.loads(await socket.recv()) for _ in range(5)]
        await socket.send('{"force": true, "text": "zzzz."}')
        rest = await answers(socket, END)
    pcm = decode(audio_of([*first, *rest]), MEDIA_TYPES[audio_format], to_hz=24_000)
    letters = [letter for letter in heard(pcm) if letter in "aHz"]
    assert letters.count("z") in (3, 4)
    assert "z" not in "".join(letters).rstrip("z"), "an old word after a new one"
    assert "H" not in letters, "a word that was never begun"
    assert texts_of(rest) == ["zzzz."]


async def test_concatenated_delivery_is_one_frame_for_each_sentence(shared_server: RunningServer) -> None:
    for voice in ("aws.Polly.Generative.Lucia", "azure.en-US-AvaMultilingualNeural"):
        frames = await speak(shared_server, "One sentence. And another one.", voice=voice)
        first, second, final = frames
        assert [first["text"], second["text"]] == ["One sentence.", "And another one."]
        assert first["audio"]
        assert second["audio"]
        assert min(first["timeToFirstAudioFrameMs"], second["timeToFirstAudioFrameMs"]) >= 0
        assert final["isFinal"] is True


async def test_a_long_concatenated_sentence_goes_on_in_further_frames(shared_server: RunningServer) -> None:
    text = "This is a sentence with rather many words in it, " * 9 + "and an end."
    frames = await speak(shared_server, text, voice="azure.en-US-AvaNeural", sample_rate="48000")
    *chunks, _ = frames
    assert len(chunks) > 1
    assert [chunk["text"] for chunk in chunks] == [text] + [None] * (len(chunks) - 1)
    assert ["timeToFirstAudioFrameMs" in chunk for chunk in chunks] == [True] + [False] * (len(chunks) - 1)
    assert max(len(json.dumps(chunk)) for chunk in chunks) <= MAX_FRAME_BYTES


async def test_ssml_is_spoken_as_such(shared_server: RunningServer) -> None:
    async def length(document: str) -> int:
        frames = await speak(shared_server, document, voice="azure.en-US-AvaNeural", text_type="ssml")
        assert texts_of(frames) == [document]
        return len(audio_of(frames))

    short = await length("<speak>one two</speak>")
    long = await length('<speak>one <break time="2s"/> two</speak>')
    assert (long - short) / 48_000 == pytest.approx(2.0, abs=0.3)


async def test_the_cache_tells_and_can_be_passed_by(shared_server: RunningServer) -> None:
    def cached(frames: list[dict[str, Any]]) -> list[bool]:
        return [frame["cached"] for frame in frames if frame.get("text")]

    text = "Said once, and never before."
    first = await speak(shared_server, text, voice="Telnyx.NaturalHD.astra")
    again = await speak(shared_server, text, voice="Telnyx.NaturalHD.astra")
    anew = await speak(shared_server, text, voice="Telnyx.NaturalHD.astra", disable_cache="true")
    assert [cached(frames) for frames in (first, again, anew)] == [[False], [True], [False]]
    assert audio_of(first) == audio_of(again)
    # Streamed chunks say false whoever spoke, as Telnyx documents.
    assert not any(frame["cached"] for frame in again if frame["audio"])


async def test_language_changes_who_speaks(shared_server: RunningServer) -> None:
    text = "Bonjour tout le monde, comment allez-vous."
    english = await speak(shared_server, text, voice="Telnyx.NaturalHD.astra")
    french = await speak(shared_server, text, voice="Telnyx.NaturalHD.astra", language="fr-FR")
    assert audio_of(english) != audio_of(french)


# Voice settings, on the stand-ins.

SENTENCE = "The quick brown fox jumps over the lazy dog, and then it runs away into the dark woods."


async def samples(
    server: RunningServer, voice: str, **settings: float
) -> np.ndarray[Any, np.dtype[np.float64]]:
    frames = await speak(server, SENTENCE, settings, voice=voice)
    return np.frombuffer(audio_of(frames), "<i2").astype(np.float64)


def pitch_hz(signal: np.ndarray[Any, np.dtype[np.float64]], rate_hz: int = 24_000) -> float:
    """The median fundamental of the voiced parts, by autocorrelation."""
    width, found = rate_hz // 20, []
    for begin in range(0, len(signal) - width, width // 2):
        piece = signal[begin : begin + width]
        if np.sqrt(np.mean(piece**2)) < 1000:
            continue
        piece = piece - piece.mean()
        spectrum = np.fft.rfft(piece, 2 * width)
        correlation = np.fft.irfft(spectrum * np.conj(spectrum))[:width]
        low, high = rate_hz // 400, rate_hz // 60
        lag = low + int(correlation[low:high].argmax())
        if correlation[lag] > 0.6 * correlation[0]:
            found.append(rate_hz / lag)
    return float(np.median(found))


@pytest.mark.parametrize(
    ("voice", "name"),
    [
        ("Telnyx.NaturalHD.astra", "voice_speed"),
        ("minimax.speech-02-turbo.English_Graceful_Lady", "speed"),
        ("rime.Coda.astra", "voice_speed"),
        ("soniox.tts-rt-v2.Daniel", "speed"),
        ("Telnyx.Bayan.Ahmed", "voice_speed"),
        ("Local.Espeak.en-us", "speed"),
    ],
)
async def test_twice_the_speed_is_half_the_length(
    shared_server: RunningServer, voice: str, name: str
) -> None:
    normal, fast = await samples(shared_server, voice), await samples(shared_server, voice, **{name: 2.0})
    assert len(fast) == pytest.approx(len(normal) / 2, rel=0.1)


@pytest.mark.parametrize(
    ("voice", "name"),
    [
        ("Telnyx.NaturalHD.astra", "volume"),
        ("minimax.speech-02-turbo.English_Graceful_Lady", "vol"),
        ("Local.Espeak.en-us", "volume"),
    ],
)
async def test_volume_changes_the_level(shared_server: RunningServer, voice: str, name: str) -> None:
    normal, soft, silent = [
        await samples(shared_server, voice, **{name: level}) for level in (1.0, 0.25, 0.0)
    ]
    assert np.sqrt(np.mean(soft**2)) == pytest.approx(np.sqrt(np.mean(normal**2)) / 4, rel=0.05)
    assert np.abs(silent).max() <= 1


@pytest.mark.parametrize("voice", ["minimax.speech-02-turbo.English_Graceful_Lady", "Local.Espeak.en-us"])
async def test_pitch_shifts_the_fundamental(shared_server: RunningServer, voice: str) -> None:
    low, normal, high = [
        pitch_hz(await samples(shared_server, voice, pitch=semitones)) for semitones in (-6, 0, 6)
    ]
    assert normal / low == pytest.approx(2 ** (6 / 12), rel=0.1)
    assert high / normal == pytest.approx(2 ** (6 / 12), rel=0.1)


async def test_a_setting_without_effect_has_none(shared_server: RunningServer) -> None:
    voice = "Telnyx.KokoroTTS.am_adam"
    normal, fast = await samples(shared_server, voice), await samples(shared_server, voice, voice_speed=2.0)
    assert np.array_equal(normal, fast)


# The end of the server.


async def test_a_server_told_to_stop_lets_speech_end(tmp_path: Path) -> None:
    with RunningServer(tmp_path) as server:
        query = {**PLAIN, "voice": "Local.Test.paced"}
        async with connected(server, query) as busy, connected(server) as idle:
            await busy.send(INIT)
            await idle.send(INIT)
            await busy.send('{"text": "This will be heard to its end."}')
            first = json.loads(await busy.recv())
            server.signal()
            frames = [first, *[json.loads(message) async for message in busy]]
            assert read_back(audio_of(frames)) == "This will be heard to its end."
            assert frames[-1]["isFinal"] is True
            assert busy.close_code == 1001
            (final,) = [json.loads(message) async for message in idle]
            assert final["isFinal"] is True
            assert idle.close_code == 1001


async def test_settings_of_the_server_are_heeded(tmp_path: Path) -> None:
    environment = {
        "VOXGATE_TELNYX__TYPE_FIELD": "false",
        "VOXGATE_TELNYX__REQUIRE_VOICE": "true",
        "VOXGATE_TELNYX__MAX_BUFFERED_CHARACTERS": "10",
    }
    with RunningServer(tmp_path, environment=environment) as server:
        authorization = f"Bearer {server.key}"
        assert (await refused(server, {}, Authorization=authorization))[0] == 400
        async with connected(server) as socket:
            assert (await answers(socket, INIT, END)) == [{"audio": None, "text": "", "isFinal": True}]
        async with connected(server) as socket:
            (told,) = await answers(socket, INIT, {"text": "Eleven char"})
            assert told == {"error": "At most 10 characters may be waiting to be spoken"}
