"""Files that only their owner may read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from voxgate.errors import ConfigurationError

_PRIVATE_FOLDER, _PRIVATE_FILE = 0o700, 0o600


def private_folder(path: Path) -> Path:
    """Make the folder, readable by its owner only, unless it is there already.

    Raises:
        ConfigurationError: it cannot be made, or is no folder.
    """
    try:
        path.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"data_dir: the folder {path} cannot be made: {error.strerror}") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise ConfigurationError(f"data_dir: the folder {path} cannot be written to")
    return path


def private_file(path: Path) -> Path:
    """Make an empty file, readable by its owner only, unless it is there already."""
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, _PRIVATE_FILE))
    return path


def kept_secret(path: Path, size_bytes: int = 32) -> bytes:
    """Read the random bytes kept in a file; the first call makes them.

    Two processes that come at the same time agree: the file appears whole, under its name, only once.

    Raises:
        ConfigurationError: the file holds something else.
    """
    if not path.exists():
        fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        private_file(fresh).write_bytes(secrets.token_bytes(size_bytes))
        try:
            os.link(fresh, path)  # unlike a rename, it fails when another process was faster
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    kept = path.read_bytes()
    if len(kept) != size_bytes:
        raise ConfigurationError(f"data_dir: {path} is damaged: it should hold {size_bytes} bytes")
    return kept
