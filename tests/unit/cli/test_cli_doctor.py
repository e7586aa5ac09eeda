"""``voxgate doctor``: each thing that can be broken is broken here once, and found."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import sys
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import metadata
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest

from tests.support.server import RunningServer, listening_elsewhere
from tests.unit.cli.conftest import Run
from voxgate.access.keys import PEPPER_FILE
from voxgate.cli.checks import Finding, Grade, examine, installation, machine
from voxgate.config import EspeakSettings, ServerSettings, Settings, load_settings
from voxgate.engines.process import WorkerCommand
from voxgate.providers import espeak
from voxgate.storage.database import FILE_NAME


def settings_with_a_key(run: Run) -> Settings:
    assert run("keys", "create") == 0
    return load_settings()


def is_broken(finding: Finding, told: str, mend: str) -> None:
    assert finding.grade is Grade.BROKEN
    assert told in finding.told
    assert mend in finding.mend


def test_a_good_installation_is_well_and_is_not_changed(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run("doctor") == 0
    told = capsys.readouterr().out
    subjects = [
        line.split()[1] for line in told.splitlines() if line and line[0] != " " and "well" not in line
    ]
    assert subjects == [
        *("Python", "packages", "settings", "folder", "keys"),
        *("port", "engine", "clock", "disk", "files"),
    ]
    assert told.endswith("All is well.\n")
    assert not list(tmp_path.iterdir())


def test_something_broken_ends_with_1_and_says_how_to_mend_it(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with listening_elsewhere() as port:
        monkeypatch.setenv("VOXGATE_SERVER__PORT", str(port))
        assert run("doctor") == 1
    told = capsys.readouterr().out
    assert f"BAD   port      {port} is taken by another program\n                Choose another" in told
    assert told.endswith("Broken: 1.\n")


def test_a_wrong_setting_is_named_and_the_rest_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOXGATE_SERVER__PORT", "many")
    *_, last = examine(None, None)
    is_broken(last, "server.port", "voxgate settings")


def test_without_its_packages_nothing_else_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    def requires(_: str) -> list[str]:
        return [
            "no-such-package>=1",
            "numpy>=1000",
            "orjson<0.1,>=0.0.1",
            "rich",
            "sounddevice>=99; extra == 'play'",
        ]

    monkeypatch.setattr(metadata, "requires", requires)
    *_, last = examine(None, None)
    is_broken(last, "no-such-package is missing; numpy is ", "pip install")
    assert "orjson is " in last.told
    assert "rich" not in last.told
    assert "sounddevice" not in last.told


def test_a_wheel_for_another_machine_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    is_broken(machine.check_packages(), "uvloop cannot be loaded", "--force-reinstall")


def test_a_package_that_is_not_installed_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def requires(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", requires)
    is_broken(machine.check_packages(), "voxgate itself", "pip install voxgate")


def test_an_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.check_python().grade is Grade.GOOD
    monkeypatch.setattr(sys, "version_info", (3, 10, 14))
    is_broken(machine.check_python(), "3.10.14", "3.11 or later")


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    is_broken(installation.check_folder(tmp_path / "file"), "no folder", "--data-dir")
    is_broken(installation.check_folder(tmp_path / "file" / "below"), "no folder", "--data-dir")


def test_a_folder_of_somebody_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)  # root may write anywhere
    is_broken(installation.check_folder(tmp_path), "this user may write to", "chown")


def test_a_folder_that_others_may_read(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    finding = installation.check_folder(data)
    assert (finding.grade, finding.mend) == (Grade.NOTE, f"chmod -R go= {data}")
    data.chmod(0o700)
    (data / "pepper.key").touch(mode=0o644)
    assert "pepper.key" in installation.check_folder(data).told
    (data / "pepper.key").chmod(0o600)
    assert installation.check_folder(data).grade is Grade.GOOD


def test_keys_that_work(run: Run) -> None:
    assert "none yet" in installation.check_keys(load_settings()).told
    settings = settings_with_a_key(run)
    assert installation.check_keys(settings) == Finding(Grade.GOOD, "keys", "1 that work")


def test_keys_whose_pepper_is_gone(run: Run) -> None:
    settings = settings_with_a_key(run)
    (settings.data_dir / PEPPER_FILE).unlink()
    is_broken(installation.check_keys(settings), "pepper.key is missing", "backup")


def test_no_key_that_works(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_with_a_key(run)
    change(settings, "UPDATE api_keys SET revoked_s = 1.0")
    finding = installation.check_keys(settings)
    assert (finding.grade, finding.mend) == (Grade.NOTE, "voxgate keys create --name somebody")
    monkeypatch.setenv("VOXGATE_BOOTSTRAP_KEY", "good-without-being-stored")
    assert installation.check_keys(load_settings()).grade is Grade.GOOD


def change(settings: Settings, statement: str) -> None:
    with closing(sqlite3.connect(settings.data_dir / FILE_NAME)) as connection:
        connection.execute(statement)
        connection.commit()


def test_a_database_of_another_version(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_with_a_key(run)
    change(settings, "PRAGMA user_version = 9999")
    is_broken(installation.check_keys(settings), "made by a later voxgate", "Upgrade voxgate")
    change(settings, "PRAGMA user_version = 1")
    monkeypatch.setattr("voxgate.storage.tables.SCHEMA_VERSION", 2)
    finding = installation.check_keys(settings)
    assert finding.grade is Grade.NOTE
    assert "db upgrade" in finding.mend


def test_a_damaged_database(run: Run) -> None:
    settings = settings_with_a_key(run)
    path = settings.data_dir / FILE_NAME
    path.write_bytes(path.read_bytes()[:4096] + os.urandom(8192))
    is_broken(installation.check_keys(settings), str(path), "backup")
    path.write_bytes(b"no database at all" * 100)
    is_broken(installation.check_keys(settings), "cannot be read", "backup")


def test_a_port_where_voxgate_serves(shared_server: RunningServer) -> None:
    finding = installation.check_port(ServerSettings(port=shared_server.port))
    assert finding.grade is Grade.GOOD
    assert "is serving there" in finding.told


def test_a_port_where_something_else_speaks_http() -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"name": "something else"}')

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as other:
        serving = Thread(target=other.handle_request)
        serving.start()
        finding = installation.check_port(ServerSettings(port=other.server_port))
        serving.join()
    is_broken(finding, "taken by another program", "ss -ltnp")


def test_a_port_that_is_free_and_an_address_that_is_none() -> None:
    with listening_elsewhere() as port:
        pass
    assert installation.check_port(ServerSettings(port=port)).told == f"{port} is free"
    finding = installation.check_port(ServerSettings(host="192.0.2.1", port=port))
    is_broken(finding, f"cannot listen on 192.0.2.1:{port}", "server.host")
    finding = installation.check_port(ServerSettings(host="no.such.host.invalid", port=port))
    is_broken(finding, "cannot listen on no.such.host.invalid", "server.host")


def test_an_engine_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_command() -> WorkerCommand:
        return WorkerCommand("espeak", (sys.executable, "-c", "raise SystemExit(3)"))

    monkeypatch.setattr(espeak, "espeak_command", no_command)
    is_broken(installation.check_engine(EspeakSettings()), "espeak does not speak", "espeakng-loader")


def test_an_engine_that_is_switched_off() -> None:
    assert installation.check_engine(EspeakSettings(enabled=False)).grade is Grade.NOTE


def test_a_clock_in_the_past(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert machine.check_clock(tmp_path / "missing").grade is Grade.GOOD
    tomorrow_s = time.time() + 86_400
    (tmp_path / "file").touch()
    os.utime(tmp_path / "file", (tomorrow_s, tomorrow_s))
    is_broken(machine.check_clock(tmp_path), "is in the past", "timedatectl")
    monkeypatch.setattr(time, "time", lambda: 1_000_000.0)
    is_broken(machine.check_clock(tmp_path / "missing"), "1970-01-12 13:46:40 UTC", "timedatectl")


@pytest.mark.parametrize(("free_mib", "grade"), [(3, Grade.BROKEN), (100, Grade.NOTE), (100_000, Grade.GOOD)])
def test_a_disk_with_so_much_room(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free_mib: int, grade: Grade
) -> None:
    usage = SimpleNamespace(free=free_mib << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    finding = machine.check_disk(tmp_path / "not" / "there")
    assert finding.grade is grade
    assert str(tmp_path) in finding.told


def test_too_few_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 256))
    finding = machine.check_open_files(2000)
    assert (finding.grade, "ulimit -n 2200" in finding.mend) == (Grade.NOTE, True)
    assert machine.check_open_files(50).grade is Grade.GOOD
    monkeypatch.setattr(resource, "getrlimit", lambda _: (-1, -1))
    assert machine.check_open_files(2000).told == "any number may be open"
