"""The files that the catalogue is made of: one a provider, in ``voxgate/data/voices``.

A file names its provider, says what is known of its models, and lists voices by language and gender::

    provider = "Resemble"
    aliases = ["resembleai"]      # other spellings; case never matters
    default_model = "Turbo"       # when a name has no model
    models_open = true            # other models may exist: the first one's facts and voices are theirs
    model_aliases = { "chatterbox-turbo" = "Turbo" }

    [[models]]
    names = ["Turbo", "Pro"]      # models with the same facts, see `voxgate.speech.model.ModelFacts`;
    unlisted = "taken"            # [""] for a provider that has none

    [[voices]]
    models = ["Resemble.Turbo"]   # the lists these voices are in, of whichever provider
    language = "en-US"            # or several, the main one first; without it, ids say it themselves
    female = "Amelia_en-US"       # ids, between spaces; or a list; or a table of ids and labels
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from voxgate.speech.model import Delivery, ModelFacts, Unlisted
from voxgate.speech.voice import Gender


@dataclass(frozen=True, slots=True)
class VoiceGroup:
    """Voices of one language and gender.

    Attributes:
        lists: the models that have them, as ``Provider.Model`` or ``Provider``.
        languages: BCP-47 tags; empty when the ids say it.
        accent: in words, or empty.
        gender: of all of them.
        labels: voice id to how to show it.
    """

    lists: tuple[str, ...]
    languages: tuple[str, ...]
    accent: str
    gender: Gender
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ProviderFile:
    """What one file says; see the module's example for the fields."""

    provider: str
    aliases: tuple[str, ...] = ()
    default_model: str = ""
    models_open: bool = False
    model_aliases: Mapping[str, str] = field(default_factory=dict)
    models: tuple[ModelFacts, ...] = ()
    groups: tuple[VoiceGroup, ...] = ()

    @property
    def has_models(self) -> bool:
        """Whether names have a model segment; if not, everything after the first dot is the voice id."""
        return self.models_open or any(facts.model for facts in self.models)


def parse(text: str) -> ProviderFile:
    """Read one file; a key it does not know raises `TypeError`, a wrong value `ValueError`."""
    file = tomllib.loads(text)
    provider = file["provider"]
    models = [facts for table in file.pop("models") for facts in _models(provider, table)]
    groups = [group for table in file.pop("voices", ()) for group in _groups(table)]
    aliases = tuple(file.pop("aliases", ()))
    return ProviderFile(**file, aliases=aliases, models=tuple(models), groups=tuple(groups))


def shipped() -> tuple[ProviderFile, ...]:
    """Read the files that come with the package, in order of their names."""
    folder = resources.files("voxgate") / "data" / "voices"
    files = (entry for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return tuple(parse(entry.read_text("utf-8")) for entry in sorted(files, key=lambda entry: entry.name))


_KINDS: Mapping[str, Callable[[Any], Any]] = {
    "delivery": Delivery,
    "unlisted": Unlisted,
    "formats": tuple,
    "rates_hz": tuple,
}


def _models(provider: str, table: dict[str, Any]) -> Iterator[ModelFacts]:
    names = table.pop("names")
    table = {key: _KINDS.get(key, lambda value: value)(value) for key, value in table.items()}
    for name in names:
        yield ModelFacts(provider=provider, model=name, **table)


def _groups(table: dict[str, Any]) -> Iterator[VoiceGroup]:
    lists = tuple(table.pop("models"))
    languages = tuple(table.pop("language", "").split())
    accent = table.pop("accent", "")
    for gender, ids in table.items():
        yield VoiceGroup(lists, languages, accent, Gender(gender), _labels(ids))


def _labels(ids: str | list[str] | dict[str, str]) -> dict[str, str]:
    if isinstance(ids, dict):
        return ids
    return {voice_id: label_of(voice_id) for voice_id in (ids.split() if isinstance(ids, str) else ids)}


_NOISE = re.compile(
    r"^[a-z]{2,3}-[A-Z]{2}-"  # Azure, Murf: the locale
    r"|^[a-z][fm]_"  # Kokoro: language and gender
    r"|_[a-z]{2}-[A-Z]{2}$"  # Resemble: the locale
    r"|(?::DragonHDLatest|-)?Neural$|-Generative$|-longform$"  # Azure, Polly: the technology
)
_JOINTS = re.compile(r"[_-]+|(?<=[a-z])(?=[A-Z])")


def label_of(voice_id: str) -> str:
    """Make a label from an id: ``Ava`` of ``en-US-AvaNeural``, ``News Reader`` of ``news-reader``."""
    words = _JOINTS.sub(" ", _NOISE.sub("", voice_id)).split()
    return " ".join(word[:1].upper() + word[1:] for word in words) or voice_id
