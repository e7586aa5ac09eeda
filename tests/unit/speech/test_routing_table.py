"""Who speaks instead: the table, the nearest voice of another vendor, and what it costs."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from voxgate.errors import ConfigurationError, InvalidVoice
from voxgate.providers.contract import Abort, AudioChunk, Capabilities, Provider
from voxgate.providers.registry import ProviderRegistry
from voxgate.speech.catalogue import Catalogue
from voxgate.speech.equivalents import equivalent
from voxgate.speech.fallbacks import Fallbacks
from voxgate.speech.prices import Prices
from voxgate.speech.routing import Router, StandInVoice
from voxgate.speech.utterance import SpeechSettings, Utterance
from voxgate.speech.voice import Gender, Voice, VoiceName


class Named(Provider):
    def __init__(self, name: str, *, text_stream: bool = False) -> None:
        self.name = name
        self.capabilities = Capabilities(text_stream=text_stream)

    async def synthesize(self, utterance: Utterance, abort: Abort) -> AsyncGenerator[AudioChunk, None]:
        yield AudioChunk(bytes(2), 24_000)


def stand_in(voice: Voice, language: str | None) -> StandInVoice:
    return StandInVoice(VoiceName("Local", "Espeak", "en-us+f2"), pitch_semitones=1.5)


def router(*names: str, fallbacks: Fallbacks, standing_in: bool = True) -> Router:
    registry = ProviderRegistry([*(Named(name) for name in names), Named("Local.Espeak")])
    return Router(Catalogue.shipped(), registry, stand_in if standing_in else None, fallbacks)


def spoken(house: Router, voice: str = "ElevenLabs.eleven_v3.EXAVITQu4vr4xnSDxMaL") -> list[str]:
    settings = SpeechSettings(extra=(("stability", 0.5),))
    utterance = Utterance("Hello", VoiceName.parse(voice), "tenant", settings)
    candidates = house.candidates(utterance)
    assert all(
        not each.utterance.settings.extra for each in candidates if each.stand_in and each.provider.guarded
    )
    return [str(candidate.utterance.voice) for candidate in candidates]


def test_without_a_table_only_the_vendor_speaks() -> None:
    assert spoken(router("ElevenLabs", fallbacks=Fallbacks())) == [
        "ElevenLabs.eleven_v3.EXAVITQu4vr4xnSDxMaL"
    ]


def test_one_line_names_who_speaks_for_everybody() -> None:
    house = router("ElevenLabs", "Azure", fallbacks=Fallbacks(["Azure", "stand-in"]))
    own, azure, local = spoken(house)
    assert own == "ElevenLabs.eleven_v3.EXAVITQu4vr4xnSDxMaL"
    assert azure.startswith("Azure.en-US-")
    assert house.catalogue.find(VoiceName.parse(azure)).gender is Gender.FEMALE
    assert local == "Local.Espeak.en-us+f2"
    assert spoken(house) == [own, azure, local]


def test_a_vendor_that_is_not_here_is_left_out() -> None:
    assert len(spoken(router("ElevenLabs", fallbacks=Fallbacks(["Azure", "stand-in"])))) == 2


def test_single_voices_have_their_own_line() -> None:
    table = Fallbacks(["stand-in"], {"elevenlabs.*": ["OpenAI.tts-1.alloy"]})
    house = router("ElevenLabs", "OpenAI", fallbacks=table)
    assert spoken(house)[1:] == ["OpenAI.tts-1.alloy"]
    assert spoken(house, "OpenAI.tts-1.nova")[1:] == ["Local.Espeak.en-us+f2"]


def test_a_voice_whose_vendor_is_not_here_goes_to_the_others_first_then_to_the_stand_in() -> None:
    house = router("Azure", fallbacks=Fallbacks(["Azure"]))
    first, second = spoken(house)
    assert first.startswith("Azure.en-US-")
    assert second == "Local.Espeak.en-us+f2"


def test_nobody_at_all() -> None:
    with pytest.raises(InvalidVoice):
        spoken(router(fallbacks=Fallbacks(), standing_in=False))


@pytest.mark.parametrize("name", ["Nobody", "Telnyx.NaturalHD.nobody", "stand_in"])
def test_a_wrong_name_in_the_table_is_told_at_start(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        router(fallbacks=Fallbacks([name]))


def test_whether_a_voice_takes_text_as_it_is_written() -> None:
    registry = ProviderRegistry([Named("ElevenLabs", text_stream=True), Named("Azure")])
    house = Router(Catalogue.shipped(), registry, None)
    assert house.takes_text(VoiceName.parse("elevenlabs.v3.x"))
    assert not house.takes_text(VoiceName.parse("azure.en-US-AvaNeural"))
    assert not house.takes_text(VoiceName.parse("aws.Polly.Lucia"))


def voice(name: str, *languages: str, gender: Gender = Gender.UNKNOWN, slot: int = 0) -> Voice:
    return Voice(VoiceName("Other", "", name), name, languages, gender, slot=slot)


def test_language_goes_before_gender_and_gender_before_region() -> None:
    others = [
        voice("german", "de-DE", gender=Gender.FEMALE),
        voice("him", "en-GB", gender=Gender.MALE),
        voice("her", "en-US", gender=Gender.FEMALE),
        voice("lady", "en-GB", gender=Gender.FEMALE),
    ]
    asked = voice("asked", "en-GB", gender=Gender.FEMALE)
    found = equivalent(asked, others)
    assert found is not None
    assert found.label == "lady"
    found = equivalent(asked, others[:3])
    assert found is not None
    assert found.label == "her"
    found = equivalent(asked, others[:2])
    assert found is not None
    assert found.label == "him"
    assert equivalent(asked, others[:1]) is None
    german = equivalent(asked, others, "de")
    assert german is not None
    assert german.label == "german"


def test_voices_that_differ_here_differ_there() -> None:
    others = [voice(str(number), "en") for number in range(3)]
    chosen = [equivalent(voice("asked", "en", slot=slot), others) for slot in range(4)]
    assert [each.label for each in chosen if each is not None] == ["0", "1", "2", "0"]


def test_prices_by_model_before_provider() -> None:
    prices = Prices({"ElevenLabs": 100.0, "elevenlabs.eleven_flash_v2_5": 50.0})
    assert prices.of(VoiceName("ElevenLabs", "eleven_v3", "x"), 10_000) == 1.0
    assert prices.of(VoiceName("ElevenLabs", "eleven_flash_v2_5", "x"), 10_000) == 0.5
    assert prices.of(VoiceName("Azure", "", "x"), 10_000) is None
