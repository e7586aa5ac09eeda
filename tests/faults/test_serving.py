"""``voxgate serve`` from outside: the first run, keys that come and go, what the log never holds."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.sync.connection import Connection

from tests.support.server import KEY, RunningServer, clean_environment, listening_elsewhere

CANARY_TEXT = "The canary sings about its cage."
CANARY_SSML = "<speak>The canary <b sings"


def speech_socket(server: RunningServer, key: str, voice: str = "Local.Test.plain") -> ClientConnection:
    return connect(
        f"{server.ws_url}/v2/text-to-speech/speech?voice={voice}",
        additional_headers={"Authorization": f"Bearer {key}"},
        compression=None,
        max_size=None,
    )


def status_of(server: RunningServer, key: str) -> int:
    try:
        with speech_socket(server, key):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def keys_command(server: RunningServer, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "voxgate", "keys", *arguments, "--data-dir", str(server.data_dir)],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def test_the_first_run_makes_a_key_and_later_runs_do_not(tmp_path: Path) -> None:
    no_bootstrap = {"VOXGATE_BOOTSTRAP_KEY": None}
    secrets = []
    for _ in range(2):
        with RunningServer(tmp_path, environment=no_bootstrap) as server:
            said = server.log()
            assert re.search(r"^Try it:  \S", said, re.MULTILINE)
            secrets.append(sorted(set(re.findall(r"vg_[\w-]{43}", said))))
            if secrets[0] and len(secrets) == 1:
                assert status_of(server, secrets[0][0]) == 101
            assert status_of(server, KEY) == 401
    assert [len(found) for found in secrets] == [1, 0]


def test_a_key_made_elsewhere_works_at_once_and_a_revoked_one_for_five_seconds_at_most(
    server: RunningServer,
) -> None:
    made = keys_command(server, "create", "--name", "somebody")
    key_id, secret = re.findall(r"(?:id|secret) +(\S+)", made)
    assert status_of(server, secret) == 101
    keys_command(server, "revoke", key_id)
    until_s = time.monotonic() + 5
    asked_s = time.monotonic()
    while status_of(server, secret) == 101:
        assert asked_s < until_s
        time.sleep(0.2)
        asked_s = time.monotonic()
    assert status_of(server, secret) == 401
    assert status_of(server, KEY) == 101


def test_a_port_that_is_taken_is_told_in_one_line_and_nothing_starts(tmp_path: Path) -> None:
    with listening_elsewhere() as port:
        done = subprocess.run(
            [sys.executable, "-m", "voxgate", "serve", "--port", str(port), "--data-dir", str(tmp_path)],
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"server.port = {port}" in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["console", "json"])
def test_keys_texts_and_queries_never_reach_the_log(form: str, tmp_path: Path) -> None:
    settings = {"VOXGATE_LOG__FORMAT": form, "VOXGATE_LOG__LEVEL": "debug"}
    with RunningServer(tmp_path, environment=settings) as server:
        made = keys_command(server, "create", "--name", "somebody")
        secret = re.findall(r"secret +(\S+)", made)[0]
        assert status_of(server, "wrong-key-canary") == 401
        for voice in ("Local.Test.plain", "Local.Test.refuse", "Local.Test.fail-1", "Local.Espeak.en-us"):
            with speech_socket(server, secret, f"{voice}&note=query-canary") as socket:
                socket.send('{"text":" "}')
                socket.send(f'{{"text":"{CANARY_TEXT}"}}')
                socket.send('{"text":""}')
                drain(socket)
        with speech_socket(server, secret, "Local.Espeak.en-us&text_type=ssml") as socket:
            socket.send('{"text":" "}')
            socket.send(f'{{"text":"{CANARY_SSML}"}}')
            socket.send('{"text":""}')
            drain(socket)
        with speech_socket(server, secret) as socket:
            socket.send(f"this is no JSON: {CANARY_TEXT}")
            drain(socket)
        said = server.log()
    assert "utterance" in said, "nothing was logged at all"
    for canary in ("canary", "wrong-key", KEY, secret.removeprefix("vg_")):
        assert canary.lower() not in said.lower()
    assert "Traceback" not in said


def drain(socket: Connection) -> None:
    with suppress(ConnectionClosed):  # with whatever code: some of these sessions end badly
        for _ in socket:
            pass
