"""The page of the REST API loads nothing from elsewhere."""

from __future__ import annotations

import re

import aiohttp

from tests.support.server import RunningServer


async def test_the_page_and_its_files_come_from_here(shared_server: RunningServer) -> None:
    async with aiohttp.ClientSession(shared_server.url) as session:
        async with session.get("/docs") as response:
            page = await response.text()
            assert response.status == 200
            assert "script-src" not in response.headers["content-security-policy"]
        named = re.findall(r'(?:src|href)="([^"]+)"', page)
        assert named
        assert all(address.startswith("/docs/") for address in named)
        for address in named:
            async with session.get(address) as response:
                assert response.status == 200
                assert len(await response.read()) > 50
        async with session.get("/docs/redoc.standalone.js") as response:
            assert response.status == 404
        async with session.get("/openapi.json") as response:
            assert "/v1/audio/speech" in (await response.json())["paths"]
