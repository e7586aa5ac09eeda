from __future__ import annotations

import pytest

from voxgate.clock import LoopClock
from voxgate.config import EspeakSettings, Settings
from voxgate.engines.process import WorkerCommand
from voxgate.errors import EngineCrashed, InvalidVoice
from voxgate.providers import espeak
from voxgate.server.speech import open_speech
from voxgate.speech.receipt import Outcome, Receipt
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import VoiceName

SETTINGS = Settings(espeak=EspeakSettings(min_workers=1, max_workers=1))


async def test_the_engines_languages_are_listed_under_names_that_can_be_asked_for() -> None:
    async with open_speech(SETTINGS, LoopClock()) as (router, _):
        listed = list(router.catalogue.voices(provider="Local"))
        assert len(listed) > 100
        assert all(voice.hosted for voice in listed)
        for voice in listed:
            assert router.admit(VoiceName.parse(str(voice.name))) == voice
        urdu = {str(voice.name) for voice in router.catalogue.voices(provider="local", language="ur")}
        assert urdu == {"Local.Espeak.ur"}


async def test_a_vendor_that_is_not_here_is_stood_in_for_and_every_utterance_leaves_a_receipt() -> None:
    receipts: list[Receipt] = []
    async with open_speech(SETTINGS, LoopClock(), [receipts.append]) as (router, speaker):
        voice = router.admit(VoiceName.parse("Azure.ur-PK-UzmaNeural"))
        assert not voice.hosted
        stream = speaker.speak(Utterance("سلام", voice.name, "t"))
        assert sum([len(chunk.pcm) async for chunk in stream]) > 10_000
    (receipt,) = receipts
    assert receipt.outcome is Outcome.COMPLETED
    assert receipt.spoken_by.startswith("Local.Espeak.ur")


async def test_standing_in_can_be_switched_off() -> None:
    settings = SETTINGS.model_copy(update={"speech": SETTINGS.speech.model_copy(update={"stand_ins": False})})
    async with open_speech(settings, LoopClock()) as (router, _):
        with pytest.raises(InvalidVoice, match="stand-ins are switched off"):
            router.admit(VoiceName.parse("Azure.ur-PK-UzmaNeural"))


async def test_an_engine_that_does_not_start_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = WorkerCommand("espeak", ("/bin/false",))
    monkeypatch.setattr(espeak, "espeak_command", lambda: command)
    with pytest.raises(EngineCrashed):
        await open_speech(SETTINGS, LoopClock()).__aenter__()
