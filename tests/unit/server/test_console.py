"""The console's files: what they are served as, and that nothing but them is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.applications import Starlette

import voxgate
from tests.support.rest_app import Answer, Call
from voxgate.server import console
from voxgate.services import Services

FOLDER = Path(voxgate.__path__[0], "server", "console")
FILES = sorted(file.relative_to(FOLDER).as_posix() for file in FOLDER.rglob("*") if file.is_file())


@pytest.fixture(scope="module")
def app() -> Starlette:
    return Starlette(routes=console.routes(cast(Services, None)))


async def ask(app: Starlette, path: str, method: str = "GET", **headers: str) -> Answer:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await Call(app, method, path, headers={"authorization": "", **sent}).run()


@pytest.mark.parametrize("name", FILES)
async def test_every_file_is_served_as_what_it_is(app: Starlette, name: str) -> None:
    answer = await ask(app, f"/console/{name}")
    assert answer.status == 200
    assert answer.body == (FOLDER / name).read_bytes()
    types = {"js": "text/javascript", "css": "text/css", "html": "text/html", "svg": "image/svg+xml"}
    assert answer.headers["content-type"].partition(";")[0] == types[name.rpartition(".")[2]]
    assert answer.headers["x-content-type-options"] == "nosniff"
    shared = name.startswith("client/") or name == "voxgate.js"
    assert answer.headers.get("access-control-allow-origin") == ("*" if shared else None)


async def test_the_page_may_load_nothing_from_elsewhere_and_run_nothing_inline(app: Starlette) -> None:
    answer = await ask(app, "/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert answer.body == (FOLDER / "index.html").read_bytes()


async def test_a_copy_that_is_still_good_is_not_sent_again(app: Starlette) -> None:
    first = await ask(app, "/voxgate.js")
    etag = first.headers["etag"]
    assert first.headers["cache-control"] == "no-cache"
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = await ask(app, "/voxgate.js", if_none_match=known)
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", etag)
        assert again.headers["access-control-allow-origin"] == "*"
    for other in ('"other"', "", etag[:-2] + '"'):
        assert (await ask(app, "/voxgate.js", if_none_match=other)).status == 200
    assert (await ask(app, "/voxgate.js", "HEAD")).headers["etag"] == etag


@pytest.mark.parametrize(
    "path",
    [
        "/console/",
        "/console/client",
        "/console/nothing.js",
        "/console/../console.py",
        "/console/..%2fconsole.py",
        "/console//etc/passwd",
    ],
)
async def test_nothing_else_is_there(app: Starlette, path: str) -> None:
    assert (await ask(app, path)).status == 404


class _References(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        given = dict(attributes)
        self.found += [value for name in ("src", "href") if (value := given.get(name)) and value[0] != "#"]
        self.inline += [name for name in given if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.inline.append(tag)


def _imports() -> Iterator[tuple[str, str]]:
    for name in FILES:
        if name.endswith(".js"):
            for found in re.findall(r'(?:from|import|URL\()\s*"(\.[^"]+\.js)"', (FOLDER / name).read_text()):
                yield name, found


def test_the_page_refers_to_what_there_is() -> None:
    page = _References()
    page.feed((FOLDER / "index.html").read_text(encoding="utf-8"))
    assert page.inline == []
    here = {
        reference.removeprefix("console/") for reference in page.found if reference.startswith("console/")
    }
    assert here <= set(FILES)
    assert {reference for reference in page.found if not reference.startswith("console/")} == {
        "docs",
        "voxgate.js",
    }


@pytest.mark.parametrize(("name", "imported"), sorted(set(_imports())))
def test_modules_import_what_there_is(name: str, imported: str) -> None:
    # voxgate.js is served from the root, one folder above.
    base = FOLDER.parent if name == "voxgate.js" else (FOLDER / name).parent
    assert (base / imported).resolve().is_file()
