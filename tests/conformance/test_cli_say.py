"""``voxgate say`` as people use it: a process of its own, with a server and without.

What was said is read back from scripted voices, letter by letter, or heard by a recognizer.
"""

from __future__ import annotations

import io
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import soundfile  # type: ignore[import-untyped]

from tests.support.listening import seconds
from tests.support.recognizer import PHRASES, RATE_HZ, understand
from tests.support.server import RunningServer, clean_environment
from voxgate.cli.saying.formats import KINDS, choose_format
from voxgate.testing.scripted import read_back

SAY = (sys.executable, "-m", "voxgate", "say")
PLAIN = ("--voice", "Local.Test.plain")
TIMEOUT_S = 60.0

# Started before each test counts processes, whether or not its own parameters ask for it.
pytestmark = pytest.mark.usefixtures("shared_server")
SUMMARY = re.compile(
    r"(?:(?P<path>\S+): )?(?P<audio>[\d.]+) s of speech, first audio after (?P<first>\d+) ms, "
    r"real-time factor (?P<factor>\d+\.\d{3}), (?P<who>.*)\n"
)


def say(
    *arguments: str, folder: Path, stdin: str | bytes = "", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*SAY, *arguments],
        cwd=folder,
        env=clean_environment(**(env or {})),
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def in_shell(command: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def said(done: subprocess.CompletedProcess[bytes]) -> re.Match[str]:
    """Check that it went well and told so in a line; returns what it told."""
    told = done.stderr.decode()
    found = SUMMARY.fullmatch(told)
    assert done.returncode == 0, told
    assert found is not None, told
    return found


def failed(done: subprocess.CompletedProcess[bytes], status: int, told: str) -> None:
    """Check that it went wrong in one line."""
    line = done.stderr.decode()
    assert re.fullmatch(rf"voxgate: {told}\n", line), line
    assert done.returncode == status
    assert done.stdout == b""


def letters(pcm: bytes) -> str:
    return read_back(pcm)


def words_of(path: Path) -> str | None:
    samples, rate_hz = soundfile.read(str(path), dtype="int16")
    assert rate_hz == RATE_HZ
    return understand(samples.tobytes())


@contextmanager
def running(*arguments: str, folder: Path, **options: object) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [*SAY, *arguments],
        cwd=folder,
        env=clean_environment(),
        **{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},  # type: ignore[call-overload]
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_within(file: io.BufferedReader, size: int) -> bytes:
    """Read so much, or fail instead of hanging."""
    data, until_s = b"", time.monotonic() + TIMEOUT_S
    while len(data) < size and (left_s := until_s - time.monotonic()) > 0:
        if select.select([file], [], [], left_s)[0]:
            piece = os.read(file.fileno(), size - len(data))
            if not piece:
                break
            data += piece
    return data


@pytest.fixture(params=["server", "here"])
def speaker(request: pytest.FixtureRequest) -> Sequence[str]:
    """Arguments that let a server speak, or none: then the voice is made in the process."""
    if request.param == "here":
        return ()
    server: RunningServer = request.getfixturevalue("shared_server")
    return ("--server", server.url, "--key", server.key)


# What is said.


def test_every_letter_arrives_once_and_in_order(speaker: Sequence[str], tmp_path: Path) -> None:
    text = "One sentence. And another one! Is this the third? Yes, and here it ends"
    told = said(say(text, *PLAIN, "-o", "a.wav", *speaker, folder=tmp_path))
    assert (told["path"], told["who"]) == ("a.wav", "by Local.Test.plain")
    with wave.open(str(tmp_path / "a.wav")) as file:
        pcm = file.readframes(file.getnframes())
        assert float(told["audio"]) == pytest.approx(file.getnframes() / 24_000, abs=0.06)
    assert letters(pcm) == text.replace(". And", ".And").replace("! Is", "!Is").replace("? Yes", "?Yes")


@pytest.mark.speech
def test_a_recognizer_understands_it(speaker: Sequence[str], tmp_path: Path) -> None:
    for phrase in (PHRASES[0], PHRASES[8], PHRASES[19]):
        said(say(f"{phrase}.", "--rate", str(RATE_HZ), "-o", "a.flac", *speaker, folder=tmp_path))
        assert words_of(tmp_path / "a.flac") == phrase


def test_words_without_quotes_and_the_default_file(speaker: Sequence[str], tmp_path: Path) -> None:
    told = said(say("Hello", "there", *speaker, folder=tmp_path))
    assert told["path"] == "out.mp3"
    assert "which stands in" in told["who"]
    assert soundfile.info(str(tmp_path / "out.mp3")).duration == pytest.approx(float(told["audio"]), abs=0.15)


@pytest.mark.parametrize("name", KINDS)
def test_every_format_comes_from_every_voice(speaker: Sequence[str], tmp_path: Path, name: str) -> None:
    told = said(say("a" * 100, *PLAIN, "--format", name, *speaker, folder=tmp_path))
    assert told["path"] == f"out{KINDS[name].suffixes[0]}"
    _, target = choose_format(name, None, None)
    audio_s = seconds((tmp_path / told["path"]).read_bytes(), target.media_type, target.rate_hz)
    assert audio_s == pytest.approx(4.0, rel=0.05)


@pytest.mark.parametrize("speed", ["0.25", "0.5", "2", "4"])
def test_speed_is_time(speaker: Sequence[str], tmp_path: Path, speed: str) -> None:
    told = said(say("a" * 100, *PLAIN, "--speed", speed, *speaker, folder=tmp_path))
    assert float(told["audio"]) == pytest.approx(4 / float(speed), rel=0.03)


def test_a_file_of_any_length(shared_server: RunningServer, tmp_path: Path) -> None:
    sentence = "All work and no play makes Jack a dull boy.\n"
    (tmp_path / "book").write_text(sentence * 3000)  # beyond what a connection may have waiting
    server = ("--server", shared_server.url, "--key", shared_server.key)
    arguments = ("--file", "book", *PLAIN, "--speed", "4", "--format", "mulaw", "-o", "a.ulaw")
    told = said(say(*arguments, *server, folder=tmp_path))
    assert float(told["audio"]) == pytest.approx(3000 * (len(sentence) - 1) * 0.01, rel=1e-3)


def test_text_is_spoken_while_it_is_written(speaker: Sequence[str], tmp_path: Path) -> None:
    arguments = ("-", *PLAIN, "--format", "pcm", "-o", "-", *speaker)
    with running(*arguments, folder=tmp_path) as process:
        assert process.stdin is not None
        assert isinstance(process.stdout, io.BufferedReader)
        for sentence in ("First things first.", "Then comes the rest."):
            process.stdin.write(sentence.encode() + b"\n")
            process.stdin.flush()
            heard = read_within(process.stdout, len(sentence) * 1920)
            assert letters(heard) == sentence
        rest, told = process.communicate(b"The end", timeout=TIMEOUT_S)
        assert letters(rest) == "The end"
        assert SUMMARY.fullmatch(told.decode())
        assert process.returncode == 0


def test_a_full_stop_in_doubt_is_spoken_after_a_quiet_moment(speaker: Sequence[str], tmp_path: Path) -> None:
    arguments = ("-", *PLAIN, "--format", "pcm", "-o", "-", *speaker)
    with running(*arguments, folder=tmp_path) as process:
        assert process.stdin is not None
        assert isinstance(process.stdout, io.BufferedReader)
        for sentence in ("We meet at 3.", "Be there."):  # "3.14" could have been meant
            process.stdin.write(sentence.encode())
            process.stdin.flush()
            assert letters(read_within(process.stdout, len(sentence) * 1920)) == sentence


def test_quiet_is_quiet(speaker: Sequence[str], tmp_path: Path) -> None:
    done = say("Hello", *PLAIN, "-q", *speaker, folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


# What goes wrong.


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        ((), 2, "Say what?.*"),
        (("Hi", "--file", "x"), 2, "Say what?.*"),
        (("...",), 2, "There is nothing to say in this text"),
        (("Hi", "--voice", "astra"), 2, "A voice is named Provider.Model.VoiceId.*"),
        (("Hi", "--voice", "Nix.nobody"), 2, "There is no provider Nix.*"),
        (("Hi", "--voice", "Local.Espeak.en", "--language", "!"), 2, "language is a BCP-47 tag.*"),
        (("Hi", "--voice", "Local.Espeak.en", "--language", "ur"), 2, ".*speaks en.* not ur"),
        (("Hi", "--voice", "Local.Test.fail-0"), 1, ".+"),
        (("Hi", "--voice", "Local.Test.deny"), 1, ".+"),
        (("Hi", "--format", "opus", "--rate", "44100"), 2, "opus at 44100 Hz.*"),
        (("Hi", "-o", "a.doc"), 2, "The name 'a.doc' tells no format.*"),
        (("Hi", "-o", "missing/a.wav"), 2, "missing/a.wav cannot be written: No such file or directory"),
        (("--file", "missing"), 2, "missing cannot be read: No such file or directory"),
    ],
)
def test_what_goes_wrong_is_told_in_one_line(
    speaker: Sequence[str], tmp_path: Path, arguments: tuple[str, ...], status: int, told: str
) -> None:
    failed(say(*arguments, *speaker, folder=tmp_path), status, told)
    assert not list(tmp_path.iterdir())


def test_text_that_is_not_utf8_is_told(speaker: Sequence[str], tmp_path: Path) -> None:
    done = say("-", *PLAIN, *speaker, folder=tmp_path, stdin=b"caf\xe9")
    failed(done, 2, "Standard input is not UTF-8 text")


def test_a_failure_half_way_keeps_what_there_is(speaker: Sequence[str], tmp_path: Path) -> None:
    text = "a" * 40
    done = say(text, "--voice", "Local.Test.fail-20", "-o", "a.wav", *speaker, folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert letters(file.readframes(file.getnframes())) == "a" * 10


def test_keys_that_are_missing_or_wrong(shared_server: RunningServer, tmp_path: Path) -> None:
    url = shared_server.url
    done = say("Hi", "--server", url, folder=tmp_path)
    failed(done, 2, f"{url} asks for an API key: put one into VOXGATE_API_KEY.*")
    done = say("Hi", folder=tmp_path, env={"VOXGATE_URL": url, "VOXGATE_API_KEY": "vg_wrong"})
    failed(done, 2, f"{url} does not accept this API key")


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    done = say("Hi", "--server", "http://127.0.0.1:9", folder=tmp_path)
    failed(done, 1, "Cannot reach http://127.0.0.1:9: Connection refused")


def test_a_server_that_is_killed_in_mid_sentence(tmp_path: Path) -> None:
    arguments = ("a" * 200, "--voice", "Local.Test.paced", "--format", "pcm", "-o", "-")
    # The block says at its end that this server did not end well: that is so.
    with (  # noqa: PT012 - it is the block's end that raises
        pytest.raises(AssertionError, match="ended with status -9"),
        RunningServer(tmp_path) as server,
    ):
        say_options = ("--server", server.url, "--key", server.key)
        with running(*arguments, *say_options, folder=tmp_path) as process:
            assert isinstance(process.stdout, io.BufferedReader)
            assert read_within(process.stdout, 1920)
            server.signal(signal.SIGKILL)
            _, told = process.communicate(timeout=TIMEOUT_S)
            assert re.fullmatch(r"voxgate: .+\n", told.decode())
            assert process.returncode == 1


@pytest.mark.parametrize("output", ["a.wav", "a.flac", "a.mp3", "a.opus"])
def test_ctrl_c_keeps_what_there_is_and_ends_with_130(
    speaker: Sequence[str], tmp_path: Path, output: str
) -> None:
    path = tmp_path / output
    with running(
        "a" * 2000, "--voice", "Local.Test.paced", "-o", output, *speaker, folder=tmp_path
    ) as process:
        until_s = time.monotonic() + TIMEOUT_S
        while not (path.exists() and path.stat().st_size > 1000) and time.monotonic() < until_s:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, told = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, out) == (130, b"")
    found = SUMMARY.fullmatch(told.decode())
    assert found is not None, told
    assert found["who"] == "stopped"
    assert soundfile.info(str(path)).duration == pytest.approx(float(found["audio"]), abs=0.15)


def test_ctrl_c_while_waiting_for_text_ends_with_130(speaker: Sequence[str], tmp_path: Path) -> None:
    arguments = ("-", *PLAIN, "--format", "pcm", "-o", "-", *speaker)
    with running(*arguments, folder=tmp_path) as process:
        assert process.stdin is not None
        assert isinstance(process.stdout, io.BufferedReader)
        process.stdin.write(b"Hello.\n")
        process.stdin.flush()
        assert read_within(process.stdout, 6 * 1920)
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT_S) == 130
        assert process.stderr is not None
        assert SUMMARY.fullmatch(process.stderr.read().decode())


def test_a_reader_that_goes_away_ends_it_without_a_word(speaker: Sequence[str], tmp_path: Path) -> None:
    arguments = ("a. " * 20_000, *PLAIN, "--format", "pcm", "-o", "-", *speaker)
    with running(*arguments, folder=tmp_path) as process:
        assert isinstance(process.stdout, io.BufferedReader)
        assert process.stderr is not None
        assert read_within(process.stdout, 10_000)
        process.stdout.close()
        assert process.wait(TIMEOUT_S) == 1
        assert process.stderr.read() == b""


def test_a_list_that_is_cut_off_ends_without_a_word(tmp_path: Path) -> None:
    for command in ("voices", "settings", "manual"):
        shell = f"{shlex.join(SAY[:3])} {command} | true; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(
            ["bash", "-c", shell],
            cwd=tmp_path,
            env=clean_environment(),
            capture_output=True,
            timeout=TIMEOUT_S,
        )
        assert done.stderr == b""
        assert done.returncode in (0, 1)  # 0 when it had written all before the reader went


# At a terminal.


def at_terminal(*arguments: str, folder: Path, typed: bytes = b"", after: bytes = b"") -> tuple[int, str]:
    """Run with a terminal for everything; type something once something was shown."""
    main, side = pty.openpty()
    process = subprocess.Popen(
        [*SAY, *arguments], cwd=folder, env=clean_environment(), stdin=side, stdout=side, stderr=side
    )
    os.close(side)
    shown, until_s = b"", time.monotonic() + TIMEOUT_S
    try:
        while time.monotonic() < until_s:
            if typed and after in shown:
                os.write(main, typed)
                typed = b""
            try:
                shown += os.read(main, 4096) if select.select([main], [], [], 1)[0] else b""
            except OSError:  # the other side is closed
                break
        return process.wait(TIMEOUT_S), shown.decode()
    finally:
        os.close(main)
        process.kill()
        process.wait()


def test_a_line_shows_how_far_it_is(speaker: Sequence[str], tmp_path: Path) -> None:
    status, shown = at_terminal("a" * 20, "--voice", "Local.Test.paced", *speaker, folder=tmp_path)
    assert status == 0
    drawn = [float(seconds) for seconds in re.findall(r"\r\x1b\[K([\d.]+) s of speech", shown)]
    assert drawn == sorted(drawn)
    assert len(drawn) > 2
    assert re.search(r"\r\x1b\[Kout\.mp3: 0\.8 s of speech.*, by Local\.Test\.paced\r\n$", shown)


def test_typed_text_is_spoken(tmp_path: Path) -> None:
    status, shown = at_terminal(
        "-", *PLAIN, "-o", "a.wav", folder=tmp_path, typed=b"Hello.\n\x04", after=b"Ctrl+D"
    )
    assert status == 0, shown
    assert "Type what to say; Ctrl+D ends it." in shown
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert letters(file.readframes(file.getnframes())) == "Hello."


def test_audio_is_not_written_to_a_terminal(tmp_path: Path) -> None:
    status, shown = at_terminal("Hi", "-o", "-", folder=tmp_path)
    assert status == 2
    assert shown.startswith("voxgate: Standard output is a terminal")


def test_somebody_at_a_terminal_is_asked_for_the_key(shared_server: RunningServer, tmp_path: Path) -> None:
    status, shown = at_terminal(
        *("Hi", *PLAIN, "--server", shared_server.url),
        folder=tmp_path,
        typed=shared_server.key.encode() + b"\n",
        after=b"API key for",
    )
    assert status == 0, shown
    assert f"API key for {shared_server.url}: " in shown
    assert shared_server.key not in shown
    assert (tmp_path / "out.mp3").exists()


# The command that the server shows.


def test_the_command_that_serve_shows_works_when_it_is_pasted(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    with RunningServer(tmp_path, environment={"VOXGATE_BOOTSTRAP_KEY": None}) as server:
        (command,) = re.findall(r"^Try it:  (.*)$", server.log(), re.MULTILINE)
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=clean_environment(),
            capture_output=True,
            timeout=TIMEOUT_S,
        )
        assert done.returncode == 0, done.stderr
        assert (folder / "out.mp3").stat().st_size > 1000
        assert '"telnyx session over"' in server.log()
    with RunningServer(tmp_path, environment={"VOXGATE_BOOTSTRAP_KEY": None}) as server:
        (again,) = re.findall(r"^Try it:  (.*)$", server.log(), re.MULTILINE)
    assert "vg_" in command
    assert "vg_" not in again
    assert again.split(" say ")[0] == shlex.join(SAY[:3])
