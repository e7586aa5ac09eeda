from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from voxgate.config import Settings, load_settings
from voxgate.errors import ConfigurationError


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.upper().startswith("VOXGATE")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def write(text: str, name: str = "voxgate.toml") -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def test_without_any_setting_the_defaults_hold() -> None:
    settings = load_settings()
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8080)
    assert settings.telnyx.default_voice == "Telnyx.NaturalHD.astra"
    assert settings.bootstrap_key is None


def test_the_data_folder_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert load_settings().data_dir == tmp_path / "voxgate"


def test_a_home_sign_and_a_relative_path_become_absolute(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("VOXGATE_DATA_DIR", "~/speech")
    assert load_settings().data_dir == tmp_path / "speech"
    monkeypatch.setenv("VOXGATE_DATA_DIR", "speech")
    assert load_settings().data_dir == tmp_path / "speech"


def test_later_places_win(monkeypatch: pytest.MonkeyPatch) -> None:
    write("[server]\nhost = '10.0.0.1'\nport = 1001\ndrain_deadline_s = 1")
    monkeypatch.setenv("VOXGATE_SERVER__PORT", "1002")
    monkeypatch.setenv("VOXGATE_SERVER__HOST", "10.0.0.2")
    server = load_settings(overrides={"server": {"port": 1003}}).server
    assert (server.drain_deadline_s, server.host, server.port) == (1.0, "10.0.0.2", 1003)


def test_a_file_can_be_named_by_argument_or_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    write("[server]\nport = 1001")
    other = write("[server]\nport = 1002", "other.toml")
    third = write("[server]\nport = 1003", "third.toml")
    monkeypatch.setenv("VOXGATE_CONFIG", str(other))
    assert load_settings().server.port == 1002
    assert load_settings(third).server.port == 1003


def test_proxies_are_separated_by_commas_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOXGATE_SERVER__TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.7")
    assert load_settings().server.trusted_proxies == ("10.0.0.0/8", "192.0.2.7")
    write("[server]\ntrusted_proxies = ['10.1.0.0/16']")
    monkeypatch.delenv("VOXGATE_SERVER__TRUSTED_PROXIES")
    assert load_settings().server.trusted_proxies == ("10.1.0.0/16",)


def test_what_kubernetes_puts_into_the_environment_is_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "VOXGATE_SERVICE_HOST": "10.0.0.1",
        "VOXGATE_SERVICE_PORT": "8080",
        "VOXGATE_SERVICE_PORT_HTTP": "8080",
        "VOXGATE_PORT": "tcp://10.0.0.1:8080",
        "VOXGATE_PORT_8080_TCP_ADDR": "10.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    assert load_settings().server.port == 8080


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("VOXGATE_SERVER__PORT", "70000", r"server\.port = '70000' is wrong: .*65535"),
        ("VOXGATE_SERVER__PORT", "http", r"server\.port = 'http' is wrong: .*integer"),
        ("VOXGATE_SERVER__HOTS", "x", r"server\.hots is no setting"),
        ("VOXGATE_SERVR__HOST", "x", r"VOXGATE_SERVR__HOST in the environment is no setting"),
        ("VOXGATE_SERVER", "x", r"VOXGATE_SERVER in the environment is a section"),
        ("VOXGATE_SERVER__TRUSTED_PROXIES", "proxy", r"server\.trusted_proxies = 'proxy' is wrong"),
        ("VOXGATE_SERVER__PUBLIC_URL", "voice", r"server\.public_url = 'voice' is wrong"),
        ("VOXGATE_TELNYX__DEFAULT_VOICE", "astra", r"telnyx\.default_voice = 'astra' is wrong"),
        ("VOXGATE_ESPEAK__MIN_WORKERS", "1000", r"espeak is wrong: min_workers \(1000\)"),
        ("VOXGATE_LOG__LEVEL", "loud", r"log\.level = 'loud' is wrong"),
        ("VOXGATE_SPEECH__STALL_TIMEOUT_S", "nan", r"speech\.stall_timeout_s"),
    ],
)
def test_a_wrong_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=told) as refused:
        load_settings()
    assert "\n" not in refused.value.message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("port = 1", r"^port is no setting"),
        ("[servre]\nport = 1", r"^servre is no setting"),
        ("[server]\nhots = 'x'", r"^server\.hots is no setting"),
        ("server = 1", r"^server = 1 is wrong"),
        ("[server\nport = 1", r"voxgate\.toml is not TOML: .*line 1"),
        ("[cache]\nmemory_mib = -1\n[log]\nlevel = 'x'", r"cache\.memory_mib = -1 .*; log\.level"),
    ],
)
def test_a_mistake_in_the_file_is_named(text: str, told: str) -> None:
    write(text)
    with pytest.raises(ConfigurationError, match=told):
        load_settings()


def test_a_named_file_must_exist() -> None:
    with pytest.raises(ConfigurationError, match=re.escape("nowhere.toml cannot be read")):
        load_settings(Path("nowhere.toml"))


def test_a_secret_is_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOXGATE_BOOTSTRAP_KEY", "canary")
    with pytest.raises(ConfigurationError, match="bootstrap_key is wrong: it needs 16") as refused:
        load_settings()
    assert "canary" not in refused.value.message
    monkeypatch.setenv("VOXGATE_BOOTSTRAP_KEY", "canary-that-is-long-enough")
    assert "canary" not in repr(load_settings())


def test_an_empty_bootstrap_key_is_a_mistake_rather_than_an_open_door(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VOXGATE_BOOTSTRAP_KEY", "")
    with pytest.raises(ConfigurationError, match="bootstrap_key"):
        load_settings()


def test_settings_cannot_change_while_the_server_runs() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().server.port = 1
