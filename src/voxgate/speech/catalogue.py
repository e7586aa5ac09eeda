"""Which voices there are, and which names are mistakes.

The catalogue lists what vendors document. For a provider whose ids are open it also takes names that it
does not list, so that a voice which only the vendor knows can be asked for.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from voxgate.errors import InvalidVoice, NotPermitted
from voxgate.speech import polly, voice_files
from voxgate.speech.language import (
    DEFAULT_LANGUAGE,
    guess_language,
    is_tag,
    normal_tag,
    primary_language,
    speaks,
)
from voxgate.speech.model import ModelFacts, Unlisted
from voxgate.speech.voice import Gender, Voice, VoiceName
from voxgate.speech.voice_files import ProviderFile, VoiceGroup, label_of

LOCAL = "Local"
"""The provider of the voices that this server makes itself."""

IsHosted = Callable[[VoiceName], bool]

# Names whose meaning is more than spelling.
_CANONICAL: Mapping[str, Callable[[VoiceName], VoiceName]] = {"AWS": polly.canonical}


@dataclass(frozen=True, slots=True)
class _Entry:
    """A listed voice, shared by all the models that have it."""

    voice_id: str
    label: str
    languages: tuple[str, ...]
    gender: Gender
    accent: str
    slot: int


class _Shelf:
    """The voices of one model, findable without regard to case."""

    def __init__(self, facts: ModelFacts) -> None:
        self.facts = facts
        self.entries: list[_Entry] = []
        self._by_name: dict[str, _Entry] = {}

    def add(self, entry: _Entry) -> None:
        self.entries.append(entry)
        self._by_name.setdefault(entry.voice_id.lower(), entry)
        if self.facts.takes_names:
            self._by_name.setdefault(entry.label.partition(" - ")[0].lower(), entry)

    def find(self, voice_id: str) -> _Entry | None:
        return self._by_name.get(voice_id.lower())


class Catalogue:
    """Voices by provider and model.

    Args:
        files: what each provider's file says.
        is_hosted: whether a voice is spoken by its own provider here; without it, only local ones are.
    """

    def __init__(self, files: Sequence[ProviderFile], is_hosted: IsHosted | None = None) -> None:
        self._is_hosted = is_hosted or (lambda name: name.provider == LOCAL)
        self._files = {file.provider: file for file in files}
        self._providers = {name.lower(): file for file in files for name in (file.provider, *file.aliases)}
        self._shelves = {facts.title: _Shelf(facts) for file in files for facts in file.models}
        self._slots: dict[tuple[str, str, str], int] = {}
        for file in files:
            for group in file.groups:
                self._add(group)

    @classmethod
    def shipped(cls, is_hosted: IsHosted | None = None) -> Catalogue:
        """Make the catalogue that comes with the package."""
        return cls(voice_files.shipped(), is_hosted)

    def add(self, voices: Iterable[Voice]) -> None:
        """List further voices: an engine's own, or those of a vendor's account. Listed ones stay as they are.

        Raises:
            InvalidVoice: no such provider, or it has no such model.
        """
        for voice in voices:
            name, _, shelf = self._resolve(voice.name)
            if shelf.find(name.voice_id) is None:
                labels = {name.voice_id: voice.label}
                lists = (shelf.facts.title,)
                self._add(VoiceGroup(lists, voice.languages, voice.accent, voice.gender, labels))

    def relist(self, provider: str, voices: Iterable[Voice]) -> None:
        """List a provider's voices anew, in place of those that were listed.

        What is known about its models stays; a model that nobody knew takes after the provider's first.
        Voices whose model the provider cannot have are left out.

        Raises:
            InvalidVoice: no such provider.
        """
        file = self._file(provider)
        for title, shelf in self._shelves.items():
            if shelf.facts.provider == file.provider:
                self._shelves[title] = _Shelf(shelf.facts)
        for voice in voices:
            name = replace(voice.name, provider=file.provider)
            try:
                name, facts, shelf = self._resolve(name)
            except InvalidVoice:
                continue
            if shelf.facts.title != facts.title:
                self._shelves[facts.title] = _Shelf(facts)
            labels = {name.voice_id: voice.label}
            self._add(VoiceGroup((facts.title,), voice.languages, voice.accent, voice.gender, labels))

    def add_provider(self, name: str) -> None:
        """Make room for a provider that no file describes: it lists no voices, and takes every id.

        Nothing changes if there is one of that name.
        """
        if name.lower() in self._providers:
            return
        facts = ModelFacts(provider=name, formats=("mp3", "linear16", "wav"), takes_language=True)
        file = ProviderFile(provider=name, models_open=True, models=(facts,))
        self._files[name] = self._providers[name.lower()] = file
        self._shelves[facts.title] = _Shelf(facts)

    @property
    def providers(self) -> tuple[str, ...]:
        """Canonical spellings."""
        return tuple(self._files)

    def models(self) -> Iterator[ModelFacts]:
        """Every model that is known."""
        return (shelf.facts for shelf in self._shelves.values())

    def provider(self, text: str) -> str:
        """Spell a provider canonically; raises `InvalidVoice` when there is none of that name."""
        return self._file(text).provider

    def facts(self, name: VoiceName) -> ModelFacts:
        """Tell what is known about a voice's model, whether or not there is such a voice.

        Raises:
            InvalidVoice: no such provider, or it has no such model.
        """
        return self._resolve(name)[1]

    def find(self, name: VoiceName, *, identity_verified: bool = False) -> Voice:
        """Judge a name, and tell what is known about the voice.

        Args:
            name: in any spelling.
            identity_verified: whether the caller may use cloned voices.

        Raises:
            InvalidVoice: no such provider or model, or absent from a closed list.
            NotPermitted: a clone, and the caller's identity is not verified.
        """
        name, facts, shelf = self._resolve(name)
        if entry := shelf.find(name.voice_id) or self._other_engine(name, shelf):
            return self._voice(facts, entry)
        if facts.unlisted is Unlisted.REFUSED:
            raise InvalidVoice(f"{facts.title} has no voice {name.voice_id}", field="voice")
        if facts.unlisted is Unlisted.CLONE and not identity_verified:
            raise NotPermitted(f"{name} is a cloned voice, which needs a verified identity")
        return self._voice(facts, _unlisted(name))

    def voices(
        self,
        *,
        provider: str | None = None,
        model: str | None = None,
        language: str | None = None,
        gender: Gender | None = None,
        hosted: bool | None = None,
    ) -> Iterator[Voice]:
        """List voices, provider by provider, model by model.

        Args:
            provider: in any spelling; an unknown one raises `InvalidVoice`.
            model: without regard to case.
            language: a BCP-47 tag; ``en`` takes ``en-US`` in.
            gender: as documented.
            hosted: only those spoken by their own provider here (True), or only the others (False).
        """
        only = None if provider is None else self.provider(provider)
        return (
            voice
            for shelf in self._shelves.values()
            if only in (None, shelf.facts.provider)
            and (model is None or self._model(self._files[shelf.facts.provider], model) == shelf.facts.model)
            for entry in shelf.entries
            if gender in (None, entry.gender)
            and (language is None or any(speaks(tag, language) for tag in entry.languages))
            for voice in (self._voice(shelf.facts, entry),)
            if hosted in (None, voice.hosted)
        )

    def _file(self, provider: str) -> ProviderFile:
        try:
            return self._providers[provider.lower()]
        except KeyError:
            known = ", ".join(self._files)
            raise InvalidVoice(f"There is no provider {provider}; there are {known}", field="voice") from None

    @staticmethod
    def _model(file: ProviderFile, model: str) -> str:
        """Spell a model canonically; one that is not known stays as it is."""
        spellings = {facts.model.lower(): facts.model for facts in file.models}
        spellings |= {alias.lower(): name for alias, name in file.model_aliases.items()}
        return spellings.get(model.lower(), model)

    def _resolve(self, name: VoiceName) -> tuple[VoiceName, ModelFacts, _Shelf]:
        """Spell a name canonically but for its voice id, and find its model and where its voices stand."""
        file = self._file(name.provider)
        name = replace(name, provider=file.provider)
        if canonical := _CANONICAL.get(file.provider):
            name = canonical(name)
        elif not file.has_models:
            # All after the first dot is the id, which may hold dots of its own.
            name = VoiceName(name.provider, "", ".".join(filter(None, (name.model, name.voice_id))))
        else:
            name = replace(name, model=self._model(file, name.model or file.default_model))
        shelf = self._shelves.get(_title(name))
        if shelf is not None:
            return name, shelf.facts, shelf
        if not file.models_open:
            known = ", ".join(facts.model for facts in file.models)
            wrong = f"has no model {name.model}" if name.model else "needs a model"
            raise InvalidVoice(f"{file.provider} {wrong}; it has {known}", field="voice")
        shelf = self._shelves[file.models[0].title]
        return name, replace(shelf.facts, model=name.model), shelf

    @staticmethod
    def _other_engine(name: VoiceName, shelf: _Shelf) -> _Entry | None:
        """Find a Polly voice that is listed with another engine: which ones it has is AWS's to say."""
        if name.provider not in _CANONICAL:
            return None
        voice, _ = polly.split_engine(name.voice_id)
        for suffix in polly.SUFFIXES.values():
            if entry := shelf.find(f"{voice}{suffix}"):
                spelled, _ = polly.split_engine(entry.voice_id)
                return replace(entry, voice_id=f"{spelled}{name.voice_id[len(voice) :]}")
        return None

    def _add(self, group: VoiceGroup) -> None:
        shelves = [self._shelves[title] for title in group.lists]
        for voice_id, label in group.labels.items():
            languages = group.languages or (guess_language(voice_id) or DEFAULT_LANGUAGE,)
            slot = self._free_slot(group.lists, languages, group.gender)
            entry = _Entry(voice_id, label, languages, group.gender, group.accent, slot)
            for shelf in shelves:
                shelf.add(entry)

    def _free_slot(self, lists: Sequence[str], languages: Sequence[str], gender: Gender) -> int:
        """Take a number that no voice of the same model, language and gender has yet."""
        pool = gender.value if gender in (Gender.FEMALE, Gender.MALE) else ""
        keys = [(title, primary_language(tag), pool) for title in lists for tag in languages]
        slot = max(self._slots.get(key, 0) for key in keys)
        self._slots.update(dict.fromkeys(keys, slot + 1))
        return slot

    def _voice(self, facts: ModelFacts, entry: _Entry) -> Voice:
        name = VoiceName(facts.provider, facts.model, entry.voice_id)
        return Voice(
            name=name,
            label=entry.label,
            languages=entry.languages,
            gender=entry.gender,
            hosted=self._is_hosted(name),
            rate_hz=facts.native_rate_hz,
            accent=entry.accent,
            slot=entry.slot,
            facts=facts,
        )


def _title(name: VoiceName) -> str:
    return f"{name.provider}.{name.model}" if name.model else name.provider


def _unlisted(name: VoiceName) -> _Entry:
    """What can be told from the id of a voice that only the vendor knows."""
    base = name.voice_id.partition("+")[0]
    language = guess_language(name.voice_id)
    if language is None and name.provider == LOCAL and is_tag(base):
        language = normal_tag(base)
    return _Entry(
        voice_id=name.voice_id,
        label=label_of(name.voice_id),
        languages=(language or DEFAULT_LANGUAGE,),
        gender=Gender.UNKNOWN,
        accent="",
        slot=zlib.crc32(name.voice_id.encode()),
    )
