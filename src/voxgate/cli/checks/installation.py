"""Checks of voxgate itself: data folder, keys, port, engine."""

from __future__ import annotations

import asyncio
import errno
import http.client
import json
import os
import socket
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from voxgate.cli.checks.finding import Finding, Grade, nearest_folder
from voxgate.config import EspeakSettings, ServerSettings, Settings
from voxgate.errors import ConfigurationError, VoxgateError

START_TIMEOUT_S = 20.0
"""For the engine to start and to say a word."""
ANSWER_TIMEOUT_S = 2.0

_OTHERS = 0o077


def check_folder(data_dir: Path) -> Finding:
    """Can what must last be written there, and can nobody else read it?"""
    subject = "folder"
    folder = nearest_folder(data_dir)
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return Finding(
            Grade.BROKEN,
            subject,
            f"{folder} is no folder that this user may write to",
            "Choose another with --data-dir or VOXGATE_DATA_DIR, or give it to this user with chown.",
        )
    if folder != data_dir:
        return Finding(Grade.GOOD, subject, f"{data_dir} will be made when it is needed")
    open_to_others = [
        path
        for path in (data_dir, *data_dir.glob("*.key"), *data_dir.glob("*.db"))
        if path.stat().st_mode & _OTHERS
    ]
    if open_to_others:
        return Finding(
            Grade.NOTE,
            subject,
            f"other users may look into {open_to_others[0]}",
            f"chmod -R go= {data_dir}",
        )
    return Finding(Grade.GOOD, subject, str(data_dir))


def check_keys(settings: Settings) -> Finding:
    """Can the database be read, and do its keys work?"""
    from voxgate.access.keys import PEPPER_FILE
    from voxgate.storage.database import FILE_NAME
    from voxgate.storage.tables import SCHEMA_VERSION
    from voxgate.storage.upgrade import version_of_file

    path, subject = settings.data_dir / FILE_NAME, "keys"
    backup = "Put back a backup of the data folder, or move this one away to begin with a new one."
    try:
        version = version_of_file(path)
        if not version:
            return Finding(Grade.GOOD, subject, "none yet; `voxgate serve` makes the first and shows it")
        if version > SCHEMA_VERSION:
            told = f"{path} was made by a later voxgate (version {version}, this one knows {SCHEMA_VERSION})"
            return Finding(Grade.BROKEN, subject, told, "Upgrade voxgate, or put back a backup.")
        good, damage = _read_keys(path)
    except sqlite3.Error as error:
        return Finding(Grade.BROKEN, subject, f"{path} cannot be read: {error}", backup)
    if damage != "ok":
        return Finding(Grade.BROKEN, subject, f"{path} is damaged: {damage}", backup)
    if good and not (settings.data_dir / PEPPER_FILE).exists():
        told = f"{PEPPER_FILE} is missing from {settings.data_dir}: without it no stored key works"
        return Finding(Grade.BROKEN, subject, told, "Put it back from a backup, or make new keys.")
    if version < SCHEMA_VERSION:
        told = f"{good} that work; the database is of version {version}, the newest is {SCHEMA_VERSION}"
        return Finding(
            Grade.NOTE, subject, told, "`voxgate serve` upgrades it, and so does `voxgate db upgrade`."
        )
    if not good and settings.bootstrap_key is None:
        return Finding(Grade.NOTE, subject, "none that work", "voxgate keys create --name somebody")
    return Finding(Grade.GOOD, subject, f"{good} that work")


def _read_keys(path: Path) -> tuple[int, str]:
    """Count the good keys, and say what SQLite finds wrong with the file."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as connection:
        (damage,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        (good,) = connection.execute("SELECT count(*) FROM api_keys WHERE revoked_s IS NULL").fetchone()
    return int(good), str(damage)


def check_port(settings: ServerSettings) -> Finding:
    """Can the server listen, or is it there already?"""
    subject, host, port = "port", settings.host, settings.port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
    except OSError as error:
        if error.errno == errno.EADDRINUSE and (version := _voxgate_at(host, port)):
            return Finding(Grade.GOOD, subject, f"{port}: voxgate {version} is serving there")
        choose = "Choose another with --port or VOXGATE_SERVER__PORT"
        if error.errno == errno.EADDRINUSE:
            told, mend = f"{port} is taken by another program", f"{choose}; `ss -ltnp` shows whose it is."
        elif error.errno == errno.EACCES:
            told, mend = f"this user may not listen on {port}", f"{choose}, 1024 or above."
        else:
            told, mend = (
                f"cannot listen on {host}:{port}: {error.strerror}",
                "Mend server.host or server.port.",
            )
        return Finding(Grade.BROKEN, subject, told, mend)
    return Finding(Grade.GOOD, subject, f"{port} is free" if port else "any that is free")


def _voxgate_at(host: str, port: int) -> str | None:
    """Ask who listens there; its version if it is a voxgate."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared
    with closing(http.client.HTTPConnection(reachable, port, timeout=ANSWER_TIMEOUT_S)) as connection:
        try:
            connection.request("GET", "/version")
            answer = json.loads(connection.getresponse().read(1000))
        except (OSError, http.client.HTTPException, ValueError):
            return None
    match answer:
        case {"name": "voxgate", "version": str(version)}:
            return version
    return None


def check_engine(settings: EspeakSettings) -> Finding:
    """Does a worker start and speak?"""
    subject = "engine"
    if not settings.enabled:
        return Finding(Grade.NOTE, subject, "espeak is switched off (espeak.enabled), so nothing stands in")
    try:
        start_ms, first_audio_ms = asyncio.run(_speak_once())
    except (VoxgateError, TimeoutError, OSError) as error:
        told = error.message if isinstance(error, VoxgateError) else str(error) or "it hangs"
        mend = f"{sys.executable} -m pip install --force-reinstall espeakng-loader"
        return Finding(Grade.BROKEN, subject, f"espeak does not speak: {told}", mend)
    told = f"espeak starts in {start_ms:.0f} ms and speaks after {first_audio_ms:.0f} ms"
    return Finding(Grade.GOOD, subject, told)


def check_neural_voices(settings: Settings) -> Iterator[Finding]:
    """Are the files of the user's own voices there? Nothing is told when there are no such voices."""
    from voxgate.config.registered import registered
    from voxgate.providers.neural import check_files

    subject = "voices"
    try:
        every = {**registered(settings.data_dir), **settings.neural}
    except ConfigurationError as error:
        yield Finding(Grade.BROKEN, subject, error.message, "Mend that file, or delete it.")
        return
    whole = bool(every)
    for name, voice in every.items():
        try:
            check_files(name, voice)
        except ConfigurationError as error:
            whole = False
            mend = f"mend neural.{name}" if name in settings.neural else f"`voxgate voices remove {name}`"
            yield Finding(Grade.BROKEN, subject, error.message, f"Put it there, or {mend}.")
    if whole:
        yield Finding(Grade.GOOD, subject, f"the files of {', '.join(every)} are there")


async def _speak_once() -> tuple[float, float]:
    """Start an engine; return how long that took, and how long the first audio, in milliseconds."""
    from voxgate.clock import LoopClock
    from voxgate.providers.contract import Abort
    from voxgate.providers.espeak import EspeakProvider
    from voxgate.speech.utterance import Utterance
    from voxgate.speech.voice import VoiceName

    provider = EspeakProvider(LoopClock(), min_workers=1, max_workers=1)
    began_s = time.monotonic()
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            await provider.start()
            started_s = time.monotonic()
            utterance = Utterance("Hello.", VoiceName("Local", "Espeak", "en-us"), "doctor")
            first_s = 0.0
            async for _ in provider.synthesize(utterance, Abort()):
                first_s = first_s or time.monotonic()
    finally:
        await provider.aclose()
    return (started_s - began_s) * 1000, (first_s - started_s) * 1000
