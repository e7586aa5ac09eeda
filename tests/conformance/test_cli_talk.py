"""``voxgate talk`` as people use it: a process of its own, a real server, and a recognizer for the answer."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile  # type: ignore[import-untyped]

from tests.support.recognizer import RATE_HZ, understand
from tests.support.server import RunningServer, clean_environment
from voxgate.cli import main

VOXGATE = (sys.executable, "-m", "voxgate")
ANSWER = "Thank you for calling and have a nice day."
AGENTS = """
[agents.default]
persona = "{persona}"
greeting = "Read me the latest news."

[agents.silent]
persona = "{persona}"
greeting = ""
"""
PERSONA = f"""
name = "Test"
not_understood = ["Repeat the last sentence slowly."]

[[intents]]
phrases = ["what is the weather tomorrow"]
answers = ["{ANSWER}"]
"""


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("agent")
    persona, agents = folder / "persona.toml", folder / "agents.toml"
    persona.write_text(PERSONA)
    agents.write_text(AGENTS.format(persona=persona))
    with RunningServer(folder, environment={"VOXGATE_AGENTS__PROFILES": str(agents)}) as server:
        yield server


pytestmark = pytest.mark.usefixtures("agent")


def voxgate(
    *arguments: str, folder: Path, server: RunningServer | None = None, key: str | None = None
) -> subprocess.CompletedProcess[str]:
    address = {} if server is None else {"VOXGATE_URL": server.url, "VOXGATE_API_KEY": key or server.key}
    return subprocess.run(
        [*VOXGATE, *arguments],
        cwd=folder,
        env=clean_environment(**address),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def question(folder: Path) -> str:
    """Record it at a rate that agents do not take."""
    said = voxgate(
        *("say", "What is the weather tomorrow?", "-v", "Local.Espeak.en-us", "--rate", "44100"),
        *("-o", "question.wav", "-q"),
        folder=folder,
    )
    assert said.returncode == 0, said.stderr
    return "question.wav"


@pytest.mark.speech
def test_a_question_is_asked_and_the_answer_is_kept(agent: RunningServer, tmp_path: Path) -> None:
    asked = question(tmp_path)
    for _ in range(2):  # on a machine that stalls a phrase may be missed once
        done = voxgate("talk", asked, "-o", "answer.wav", folder=tmp_path, server=agent)
        assert done.returncode == 0, done.stderr
        if "what is the weather" in done.stdout:
            break
    lines = [re.sub(r"^ *[\d.]+  ", "", line) for line in done.stdout.splitlines()]
    assert lines[:3] == [
        "agent  Read me the latest news.",
        "you    what is the weather tomorrow",
        f"agent  {ANSWER}",
    ]
    assert re.fullmatch(r" *\(first sound after \d+ ms\)", lines[3])
    assert re.fullmatch(r"answer\.wav: 1 answer, the first sound after \d+ ms at most\n", done.stderr)
    with wave.open(str(tmp_path / "answer.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE_HZ, 1, 2)
        pcm = file.readframes(file.getnframes())
    # The greeting, the pause in which the question was asked, and the answer.
    answer_s = float(done.stdout.splitlines()[2].split()[0])
    cut = 2 * int((answer_s - 0.3) * RATE_HZ)
    assert understand(pcm[:cut].rstrip(b"\0") + bytes(2 * RATE_HZ)) == "read me the latest news"
    assert understand(pcm[cut:]) == "thank you for calling and have a nice day"


def test_events_for_programs_and_another_format(agent: RunningServer, tmp_path: Path) -> None:
    done = voxgate(
        *("talk", question(tmp_path), "-o", "answer.flac", "--json", "--at-once", "--agent", "silent"),
        folder=tmp_path,
        server=agent,
    )
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"speech_started", "speech_stopped", "transcript", "agent_text", "turn_latency"} <= {
        event["type"] for event in events
    }
    times = [event["at_s"] for event in events]
    assert times == sorted(times)
    samples, rate_hz = soundfile.read(str(tmp_path / "answer.flac"), dtype="int16")
    assert rate_hz == RATE_HZ
    assert samples.any()


def test_quiet_is_quiet(agent: RunningServer, tmp_path: Path) -> None:
    done = voxgate(
        "talk", question(tmp_path), "-q", "--at-once", "--wait", "0.5", folder=tmp_path, server=agent
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "agent.wav").exists()


def test_hanging_up_keeps_the_file(agent: RunningServer, tmp_path: Path) -> None:
    with subprocess.Popen(
        [*VOXGATE, "talk", question(tmp_path), "--wait", "600"],
        cwd=tmp_path,
        env=clean_environment(VOXGATE_URL=agent.url, VOXGATE_API_KEY=agent.key),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert "Read me the latest news." in process.stdout.readline()
        process.stdout.readline()  # what was understood: by now there is something to keep
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert told.startswith("agent.wav: ")
    with wave.open(str(tmp_path / "agent.wav")) as file:
        assert file.getnframes() > RATE_HZ // 2


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        ([], 2, "Say it how[?] Give a WAV file, or --microphone to speak yourself"),
        (["x.wav", "--microphone"], 2, "Say it how[?] .*"),
        (["missing.wav"], 2, r"missing\.wav cannot be read: No such file or directory"),
        (["."], 2, r"\. cannot be read: Is a directory"),
        (["notes.txt"], 2, r"notes\.txt: This is not a WAV file"),
        (["tone.wav", "-o", "x.doc"], 2, r"The name 'x\.doc' tells no format; it may end in \.mp3 .*"),
        (["tone.wav", "--agent", "nobody"], 2, "There is no agent 'nobody'"),
        (["tone.wav", "--key", "wrong"], 2, r"http://\S+ does not accept this API key"),
        (["tone.wav", "--server", "http://127.0.0.1:9"], 1, r"Cannot reach http://127\.0\.0\.1:9: .*"),
        (["tone.wav", "--server", "nowhere"], 2, "'nowhere' is no address of a server; .*"),
        (
            ["tone.wav", "-o", "no/where.wav", "--at-once"],
            2,
            r"no/where\.wav cannot be written: No such file .*",
        ),
        (["tone.wav", "--wait", "0"], 2, "Invalid value for '--wait'.*"),
    ],
)
def test_what_goes_wrong_is_told_in_a_line(
    agent: RunningServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    told: str,
) -> None:
    (tmp_path / "notes.txt").write_text("These are notes, and not a recording at all.")
    with wave.open(str(tmp_path / "tone.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"\0\1" * 800)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOXGATE_URL", agent.url)
    monkeypatch.setenv("VOXGATE_API_KEY", agent.key)
    # Not a process of its own: each would take longer to start than to be wrong.
    monkeypatch.setattr(sys, "argv", ["voxgate", "talk", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == status
    assert re.fullmatch(rf"voxgate: {told}\n", said), said


def test_without_a_server_it_says_where_to_find_one(tmp_path: Path) -> None:
    done = voxgate("talk", "x.wav", folder=tmp_path)
    assert done.returncode == 2
    assert re.fullmatch(r"voxgate: Talk with whom\? .*VOXGATE_URL.*\n", done.stderr)
