from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from voxgate.errors import InvalidVoice, NotPermitted
from voxgate.speech.catalogue import Catalogue
from voxgate.speech.model import Delivery, Unlisted
from voxgate.speech.voice import DEFAULT_VOICE, Gender, Voice, VoiceName
from voxgate.speech.voice_files import parse

FILE = parse(
    """
    provider = "Acme"
    aliases = ["acmecorp"]
    default_model = "Fast"
    models_open = true
    model_aliases = { "acme-fast-2.1" = "Fast" }

    [[models]]
    names = ["Fast"]

    [[models]]
    names = ["Fixed"]
    unlisted = "refused"
    takes_names = true
    native_rate_hz = 16000

    [[models]]
    names = ["Cloned"]
    unlisted = "clone"

    [[voices]]
    models = ["Acme.Fast", "Acme.Fixed"]
    language = "en-US"
    female = "ann Bea"
    male = "carl"

    [[voices]]
    models = ["Acme.Fixed"]
    language = "fr-FR en-CA"
    accent = "Norman"
    [voices.unknown]
    0f1e2d = "Dora - Narrator"
    """
)
FLAT = parse(
    """
    provider = "Flat"
    [[models]]
    names = [""]
    [[voices]]
    models = ["Flat"]
    female = "en-GB-EveNeural"
    """
)


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue([FILE, FLAT])


@pytest.fixture(scope="module")
def shipped() -> Catalogue:
    return Catalogue.shipped()


def _names(voices: Iterable[Voice]) -> list[str]:
    return [str(voice.name) for voice in voices]


def test_find_tells_what_is_known(catalogue: Catalogue) -> None:
    voice = catalogue.find(VoiceName("Acme", "Fixed", "0f1e2d"))
    assert (voice.label, voice.languages, voice.gender) == (
        "Dora - Narrator",
        ("fr-FR", "en-CA"),
        Gender.UNKNOWN,
    )
    assert (voice.accent, voice.rate_hz, voice.hosted) == ("Norman", 16_000, False)
    assert voice.facts.closed


@pytest.mark.parametrize(
    "text", ["ACME.fixed.ANN", "acmecorp.Fixed.ann", "Acme.Fixed.ann"], ids=["case", "alias", "plain"]
)
def test_spellings_lead_to_one_name(catalogue: Catalogue, text: str) -> None:
    assert str(catalogue.find(VoiceName.parse(text)).name) == "Acme.Fixed.ann"


@pytest.mark.parametrize("text", ["Acme.ann", "Acme.acme-fast-2.1.ann", "Acme.FAST.ann"])
def test_a_model_may_be_left_out_or_go_by_another_name(catalogue: Catalogue, text: str) -> None:
    assert str(catalogue.find(VoiceName.parse(text)).name) == "Acme.Fast.ann"


def test_an_open_provider_may_have_models_that_no_file_names(catalogue: Catalogue) -> None:
    voice = catalogue.find(VoiceName.parse("Acme.fast-9.Bea"))
    assert str(voice.name) == "Acme.fast-9.Bea"
    assert (voice.gender, voice.facts.model) == (Gender.FEMALE, "fast-9")


def test_a_listed_voices_name_stands_for_its_id_where_the_model_takes_names(catalogue: Catalogue) -> None:
    assert str(catalogue.find(VoiceName.parse("Acme.Fixed.dora")).name) == "Acme.Fixed.0f1e2d"


def test_a_provider_without_models_keeps_dots_in_its_ids(catalogue: Catalogue) -> None:
    voice = catalogue.find(VoiceName.parse("flat.de-DE-Max:HDv2.1Neural"))
    assert voice.name == VoiceName("Flat", "", "de-DE-Max:HDv2.1Neural")
    assert voice.languages == ("de-DE",)


def test_a_listed_id_without_a_language_says_it_itself(catalogue: Catalogue) -> None:
    assert catalogue.find(VoiceName.parse("Flat.en-GB-EveNeural")).languages == ("en-GB",)


def test_no_such_provider(catalogue: Catalogue) -> None:
    with pytest.raises(InvalidVoice, match="Nobody") as refused:
        catalogue.find(VoiceName.parse("Nobody.ann"))
    assert refused.value.field == "voice"


def test_absent_from_a_closed_list(catalogue: Catalogue) -> None:
    with pytest.raises(InvalidVoice, match=r"Acme\.Fixed has no voice zoe"):
        catalogue.find(VoiceName.parse("Acme.Fixed.zoe"), identity_verified=True)


def test_an_unlisted_clone_needs_a_verified_identity(catalogue: Catalogue) -> None:
    clone = VoiceName.parse("Acme.Cloned.d9348e0d-5a3c")
    with pytest.raises(NotPermitted):
        catalogue.find(clone)
    assert catalogue.find(clone, identity_verified=True).name == clone


def test_an_open_id_is_taken_as_given(catalogue: Catalogue) -> None:
    voice = catalogue.find(VoiceName.parse("Acme.Fast.Zoe_pt-BR"))
    assert voice.name.voice_id == "Zoe_pt-BR"
    assert (voice.label, voice.languages, voice.gender) == ("Zoe", ("pt-BR",), Gender.UNKNOWN)


def test_facts_are_there_before_the_voice_is_judged(catalogue: Catalogue) -> None:
    assert catalogue.facts(VoiceName.parse("acme.fixed.nobody")).unlisted is Unlisted.REFUSED


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"provider": "flat"}, ["Flat.en-GB-EveNeural"]),
        ({"model": "FAST"}, ["Acme.Fast.ann", "Acme.Fast.Bea", "Acme.Fast.carl"]),
        ({"language": "fr"}, ["Acme.Fixed.0f1e2d"]),
        ({"language": "en-CA"}, ["Acme.Fixed.0f1e2d"]),
        ({"gender": Gender.MALE}, ["Acme.Fast.carl", "Acme.Fixed.carl"]),
        ({"model": "Fixed", "gender": Gender.FEMALE}, ["Acme.Fixed.ann", "Acme.Fixed.Bea"]),
        ({"hosted": True}, []),
        ({"provider": "acme", "model": "nothing"}, []),
    ],
)
def test_filters(catalogue: Catalogue, filters: dict[str, Any], names: list[str]) -> None:
    assert _names(catalogue.voices(**filters)) == names


def test_a_filter_by_a_provider_that_is_not_there(catalogue: Catalogue) -> None:
    with pytest.raises(InvalidVoice):
        catalogue.voices(provider="nobody")


def test_who_is_hosted_is_the_callers_to_say() -> None:
    catalogue = Catalogue([FILE, FLAT], is_hosted=lambda name: name.provider == "Flat")
    assert _names(catalogue.voices(hosted=True)) == ["Flat.en-GB-EveNeural"]
    assert not catalogue.find(VoiceName.parse("Acme.ann")).hosted


def test_further_voices_can_be_listed(catalogue: Catalogue) -> None:
    catalogue.add(
        [Voice(VoiceName("Acme", "Fixed", "own"), "My own", ("ur-PK",), Gender.FEMALE, accent="Lahori")]
    )
    voice = catalogue.find(VoiceName.parse("acme.fixed.OWN"))
    assert (voice.label, voice.languages, voice.accent) == ("My own", ("ur-PK",), "Lahori")
    assert _names(catalogue.voices(language="ur")) == ["Acme.Fixed.own"]


def test_a_listed_voice_is_not_listed_again(catalogue: Catalogue) -> None:
    before = _names(catalogue.voices())
    catalogue.add([Voice(VoiceName("acme", "fixed", "ANN"), "Other", ("de",))])
    assert _names(catalogue.voices()) == before
    assert catalogue.find(VoiceName.parse("Acme.Fixed.ann")).label == "Ann"


def test_a_voice_of_nobody_cannot_be_listed(catalogue: Catalogue) -> None:
    with pytest.raises(InvalidVoice):
        catalogue.add([Voice(VoiceName("Nobody", "", "x"), "X", ("de",))])


def test_every_voice_has_a_number_of_its_own_in_model_language_and_gender(catalogue: Catalogue) -> None:
    slots = [
        (str(voice.name).rpartition(".")[0], voice.gender, voice.slot)
        for voice in catalogue.voices(language="en")
    ]
    assert len(slots) == len(set(slots))


class TestShipped:
    """The catalogue that comes with the package keeps the rules of the vendors it stands for."""

    @pytest.mark.parametrize(
        "text",
        [
            "Telnyx.NaturalHD.astra",
            "telnyx.naturalhd.andersen_johan",
            "Telnyx.Natural.abbie",
            "Telnyx.KokoroTTS.af_heart",
            "Telnyx.KokoroTTS.af",
            "Telnyx.Qwen3TTS.Delta",
            "Telnyx.Bayan.Ahmed",
            "Telnyx.Sukhan.urdu-professor",
            "Telnyx.Ultra.Clara",
            "aws.Polly.Generative.Lucia",
            "AWS.Polly.Danielle-Neural",
            "azure.en-US-AvaMultilingualNeural",
            "elevenlabs.v3.Adam",
            "ElevenLabs.eleven_multilingual_v2.21m00Tcm4TlvDq8ikWAM",
            "Minimax.speech-2.8-turbo.English_radiant_girl",
            "MiniMax.speech-2.8-turbo.Narrator",
            "Minimax.speech-02-hd.Wise_Woman",
            "Rime.Coda.cove",
            "Rime.ArcanaV3.astra",
            "Resemble.Pro.Aaron_en-US",
            "Inworld.Mini.Loretta",
            "Inworld.inworld-tts-1.5-max.Hélène",
            "FishAudio.s2.1-pro.933563129e564b19a115bedd57b7406a",
            "xAI.eve",
            "Soniox.tts-rt-v2.Maya",
            "Humain.sara-ar",
            "Uplift.v_meklc281",
            "OpenAI.gpt-4o-mini-tts.marin",
        ],
    )
    def test_documented_voices_are_listed(self, shipped: Catalogue, text: str) -> None:
        voice = shipped.find(VoiceName.parse(text))
        assert voice.name in {other.name for other in shipped.voices(provider=voice.name.provider)} or (
            voice.facts.model not in {facts.model for facts in shipped.models()}
        )

    def test_the_default_voice_is_an_american_woman(self, shipped: Catalogue) -> None:
        voice = shipped.find(DEFAULT_VOICE)
        assert (voice.languages, voice.gender) == (("en-US",), Gender.FEMALE)

    @pytest.mark.parametrize(
        "text",
        [
            "Telnyx.NaturalHD.nobody",
            "Telnyx.Natural.nobody",
            "Telnyx.KokoroTTS.zz_nobody",
            "Telnyx.Bayan.Nobody",
            "Telnyx.Sukhan.nobody",
            "Telnyx.Ultra.nobody",
            "Telnyx.NoModel.astra",
            "Telnyx.astra",
            "aws.Polly.Nobody",
            "aws.Polly.Turbo.Lucia",
            "Humain.nobody",
            "Uplift.v_aaaaaaaa",
            "Local.NoEngine.x",
            "google.en-US-Neural2-F",
        ],
    )
    def test_closed_lists_refuse_what_they_lack(self, shipped: Catalogue, text: str) -> None:
        with pytest.raises(InvalidVoice):
            shipped.find(VoiceName.parse(text), identity_verified=True)

    @pytest.mark.parametrize(
        "text",
        ["Telnyx.Qwen3TTS.d9348e0d-5a3c-4a3e-8a25-0f0c4b8f3c11", "minimax.speech-2.8-turbo.my_own_voice"],
    )
    def test_clones_need_a_verified_identity(self, shipped: Catalogue, text: str) -> None:
        name = VoiceName.parse(text)
        with pytest.raises(NotPermitted):
            shipped.find(name)
        assert shipped.find(name, identity_verified=True).name.voice_id == name.voice_id

    @pytest.mark.parametrize(
        "text",
        [
            "elevenlabs.v3.x9Zz",
            "azure.en-KE-NewNeural",
            "rime.Coda.brandnew",
            "resemble.Turbo.a1b2c3d4",
            "inworld.Max.workspace__mine",
            "fishaudio.s1.ffffffffffffffffffffffffffffffff",
            "murfai.GEN2.en-UK-ruby",
            "soniox.tts-rt-v2.Someone",
            "xAI.custom-7",
            "openai.tts-1.verse2",
        ],
    )
    def test_open_lists_take_names_as_given(self, shipped: Catalogue, text: str) -> None:
        name = VoiceName.parse(text)
        assert shipped.find(name).name.voice_id == name.voice_id

    @pytest.mark.parametrize("text", ["Local.Espeak.ur+f2", "local.test.late-300+chunk-20"])
    def test_local_voices_are_open_and_hosted(self, shipped: Catalogue, text: str) -> None:
        assert shipped.find(VoiceName.parse(text)).hosted

    def test_a_local_voice_speaks_what_its_name_says(self, shipped: Catalogue) -> None:
        assert shipped.find(VoiceName.parse("Local.Espeak.pt-br+m3")).languages == ("pt-BR",)

    def test_polly_is_closed_by_voice_and_not_by_engine(self, shipped: Catalogue) -> None:
        voice = shipped.find(VoiceName.parse("aws.Polly.Generative.Filiz"))
        assert str(voice.name) == "AWS.Polly.Filiz-Generative"
        assert voice.languages == ("tr-TR",)

    @pytest.mark.parametrize("text", ["Telnyx.Ultra.Clara", "xAI.eve"])
    def test_some_are_kept_from_the_websocket(self, shipped: Catalogue, text: str) -> None:
        with pytest.raises(NotPermitted):
            shipped.find(VoiceName.parse(text)).facts.check_websocket()

    def test_only_aws_and_azure_concatenate(self, shipped: Catalogue) -> None:
        concatenated = {
            facts.provider for facts in shipped.models() if facts.delivery is Delivery.CONCATENATED
        }
        assert concatenated == {"AWS", "Azure"}

    def test_only_aws_azure_and_espeak_take_ssml(self, shipped: Catalogue) -> None:
        assert {facts.title for facts in shipped.models() if facts.takes_ssml} == {
            "AWS.Polly",
            "Azure",
            "Local.Espeak",
        }

    @pytest.mark.parametrize(
        ("title", "default_rate_hz"),
        [
            ("Telnyx.NaturalHD", 24_000),
            ("Telnyx.Bayan", 16_000),
            ("Telnyx.Sukhan", 22_050),
            ("Resemble.Turbo", 48_000),
            ("AWS.Polly", 24_000),
        ],
    )
    def test_default_rates(self, shipped: Catalogue, title: str, default_rate_hz: int) -> None:
        facts = {facts.title: facts for facts in shipped.models()}
        assert facts[title].default_rate_hz == default_rate_hz

    def test_mp3_is_among_the_formats_of_all_that_are_on_the_websocket(self, shipped: Catalogue) -> None:
        offered = [facts for facts in shipped.models() if facts.websocket]
        assert {facts.title for facts in offered if "mp3" not in facts.formats} == {"Humain"}

    def test_no_list_names_a_voice_twice(self, shipped: Catalogue) -> None:
        names = [str(voice.name).lower() for voice in shipped.voices()]
        assert len(names) == len(set(names))

    def test_every_listed_name_finds_itself(self, shipped: Catalogue) -> None:
        for voice in shipped.voices():
            assert shipped.find(VoiceName.parse(str(voice.name))) == voice

    def test_every_voice_has_a_number_of_its_own_in_model_language_and_gender(
        self, shipped: Catalogue
    ) -> None:
        seen = set()
        for voice in shipped.voices():
            key = (voice.facts.title, voice.languages[0].partition("-")[0], voice.gender, voice.slot)
            assert key not in seen, voice.name
            seen.add(key)

    def test_openai_has_its_thirteen_under_each_model(self, shipped: Catalogue) -> None:
        thirteen = set("alloy ash ballad coral echo fable onyx nova sage shimmer verse marin cedar".split())
        for model in ("tts-1", "tts-1-hd", "gpt-4o-mini-tts"):
            assert {v.name.voice_id for v in shipped.voices(provider="openai", model=model)} == thirteen

    @pytest.mark.parametrize(
        ("provider", "model", "published"),
        [
            ("rime", "ArcanaV3", 266),
            ("rime", "mistv2", 138),
            ("rime", "mistv3", 78),
            ("soniox", "tts-rt-v2", 12),
            ("fishaudio", "s2.1-pro", 10),
        ],
    )
    def test_lists_are_as_long_as_their_vendors_say(
        self, shipped: Catalogue, provider: str, model: str, published: int
    ) -> None:
        assert len(list(shipped.voices(provider=provider, model=model))) == published
