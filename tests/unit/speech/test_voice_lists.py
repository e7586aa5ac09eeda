"""Vendors' lists: asked for in the background, kept over a restart, in force until there is a new one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest

from voxgate.clock import LoopClock
from voxgate.errors import InvalidVoice, ProviderUnavailable, VoxgateError
from voxgate.providers.contract import Abort, AudioChunk, Capabilities, Provider
from voxgate.speech.catalogue import Catalogue
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import Gender, Voice, VoiceName
from voxgate.speech.voice_lists import REFRESH_S, RETRY_S, VoiceLists

pytestmark = pytest.mark.virtual_time


class Vendor(Provider):
    name = "ElevenLabs"
    capabilities = Capabilities()
    guarded = True

    def __init__(self, *answers: Sequence[Voice] | VoxgateError | None) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def synthesize(self, utterance: Utterance, abort: Abort) -> AsyncGenerator[AudioChunk, None]:
        yield AudioChunk(bytes(2), 24_000)

    async def list_voices(self) -> Sequence[Voice] | None:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, VoxgateError):
            raise answer
        return answer


def voice(voice_id: str) -> Voice:
    return Voice(VoiceName("elevenlabs", "", voice_id), voice_id.title(), ("en-US",), Gender.FEMALE)


def listed(catalogue: Catalogue, provider: str = "ElevenLabs") -> set[str]:
    return {each.name.voice_id for each in catalogue.voices(provider=provider)}


async def test_the_vendors_own_list_takes_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    catalogue, vendor = Catalogue.shipped(), Vendor([voice("one"), voice("two")], [voice("three")])
    shipped = listed(catalogue)
    lists = VoiceLists(catalogue, LoopClock(), tmp_path)
    lists.begin([vendor], ask=True)
    assert listed(catalogue) == shipped
    await asyncio.sleep(1)
    assert listed(catalogue) == {"one", "two"}
    assert catalogue.find(VoiceName.parse("elevenlabs.v3.one")).label == "One"
    await asyncio.sleep(REFRESH_S)
    assert listed(catalogue) == {"three"}
    await lists.aclose()
    restarted = Catalogue.shipped()
    again = VoiceLists(restarted, LoopClock(), tmp_path)
    again.begin([vendor], ask=False)
    assert listed(restarted) == {"three"}
    await again.aclose()
    assert vendor.asked == 2


async def test_a_vendor_that_does_not_answer_leaves_the_last_list_and_is_asked_again(tmp_path: Path) -> None:
    catalogue = Catalogue.shipped()
    vendor = Vendor([voice("one")], ProviderUnavailable("down"), [], [voice("two")])
    lists = VoiceLists(catalogue, LoopClock(), tmp_path)
    lists.begin([vendor], ask=True)
    await asyncio.sleep(1)
    await asyncio.sleep(REFRESH_S)
    assert vendor.asked == 2
    assert listed(catalogue) == {"one"}
    await asyncio.sleep(RETRY_S)
    assert vendor.asked == 3
    assert listed(catalogue) == {"one"}
    await asyncio.sleep(REFRESH_S)
    assert listed(catalogue) == {"two"}
    await lists.aclose()


async def test_one_that_cannot_be_asked_is_asked_once() -> None:
    catalogue, vendor = Catalogue.shipped(), Vendor(None)
    shipped = listed(catalogue)
    lists = VoiceLists(catalogue, LoopClock())
    lists.begin([vendor], ask=True)
    await asyncio.sleep(10 * REFRESH_S)
    assert vendor.asked == 1
    assert listed(catalogue) == shipped
    await lists.aclose()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"voices": [[1]], "at_s": 0}', b'{"voices": 3}'])
async def test_a_damaged_file_is_no_list(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "elevenlabs.json").write_bytes(content)
    catalogue = Catalogue.shipped()
    shipped = listed(catalogue)
    lists = VoiceLists(catalogue, LoopClock(), tmp_path)
    lists.begin([Vendor(None)], ask=False)
    assert listed(catalogue) == shipped
    await lists.aclose()


def test_a_provider_of_ones_own_takes_every_id_and_lists_what_it_is_given() -> None:
    catalogue = Catalogue.shipped()
    with pytest.raises(InvalidVoice):
        catalogue.find(VoiceName.parse("kitchen.kokoro.af_bella"))
    catalogue.add_provider("kitchen")
    assert str(catalogue.find(VoiceName.parse("Kitchen.kokoro.af_bella")).name) == "kitchen.kokoro.af_bella"
    catalogue.relist("kitchen", [Voice(VoiceName("kitchen", "kokoro", "af_sky"), "Sky", ("en-US",))])
    assert listed(catalogue, "kitchen") == {"af_sky"}
    assert [str(each.name) for each in catalogue.voices(provider="kitchen")] == ["kitchen.kokoro.af_sky"]
