"""How this program is called, for commands that people are to copy."""

from __future__ import annotations

import os
import shlex
import shutil
import sys


def program_name() -> str:
    """Return what to type to run this very program again, from anywhere."""
    called = sys.argv[0]
    if os.path.basename(called) == "__main__.py":
        return shlex.join((sys.executable, "-m", "voxgate"))
    found = shutil.which("voxgate")
    if found is not None and os.path.realpath(found) == os.path.realpath(called):
        return "voxgate"
    return shlex.quote(os.path.abspath(called))
