"""The providers of this server, found by the name of a voice."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from pydantic import ValidationError

import voxgate.providers
from voxgate.clock import Clock
from voxgate.errors import ConfigurationError
from voxgate.providers.contract import Provider
from voxgate.speech.voice import VoiceName

if TYPE_CHECKING:
    from voxgate.providers._vendor import Vendor, VendorSettings

_NO_VENDORS = ("contract", "registry", "espeak", "neural")


class ProviderRegistry:
    """Holds each provider once, under its name without regard to case.

    A name is a voice's provider segment (``ElevenLabs``) or, for the local engines, provider and model
    (``Local.Espeak``).
    """

    def __init__(self, providers: Iterable[Provider]) -> None:
        self._providers = {provider.name.lower(): provider for provider in providers}

    def find(self, voice: VoiceName) -> Provider | None:
        """Return the provider that speaks ``voice`` itself, or None when there is none here."""
        local = self._providers.get(f"{voice.provider}.{voice.model}".lower())
        return local or self._providers.get(voice.provider.lower())

    def __iter__(self) -> Iterator[Provider]:
        return iter(self._providers.values())

    async def start(self) -> None:
        """Start all of them at once."""
        async with asyncio.TaskGroup() as group:
            for provider in self._providers.values():
                group.create_task(provider.start())

    async def aclose(self) -> None:
        """Close all of them; one that fails does not keep the others open."""
        results = await asyncio.gather(
            *(provider.aclose() for provider in self._providers.values()), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result


def vendor_names() -> list[str]:
    """Name the vendors that there are adapters for: the sections of the settings that they go by."""
    names = (module.name for module in pkgutil.iter_modules(voxgate.providers.__path__))
    return sorted(name for name in names if not name.startswith(("_", *_NO_VENDORS)))


def vendor_class(name: str) -> type[Vendor]:
    """Import the adapter of a vendor.

    Raises:
        ConfigurationError: there is none, or a package that it needs is not installed.
    """
    if name not in vendor_names():
        raise ConfigurationError(f"no provider is called {name}; there are {', '.join(vendor_names())}")
    try:
        module = importlib.import_module(f"voxgate.providers.{name}")
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the provider {name} needs the package {error.name}: pip install 'voxgate[{name}]'"
        ) from None
    vendor: type[Vendor] = module.PROVIDER
    return vendor


def vendor_section(name: str, section: object) -> VendorSettings:
    """Read ``[providers.<name>]`` of the settings.

    Raises:
        ConfigurationError: no adapter, an unknown or wrong setting, or no key.
    """
    from voxgate.providers._vendor import VendorSettings

    if isinstance(section, VendorSettings):
        return section
    if not isinstance(section, dict):
        raise ConfigurationError(f"providers.{name} is a section: [providers.{name}]")
    vendor = vendor_class(str(section.get("kind") or name))
    try:
        read = vendor.Settings(**section)
    except ValidationError as error:
        told = "; ".join(_told(f"providers.{name}", error))
        raise ConfigurationError(told) from None
    if read.enabled and vendor.needs_key and read.api_key is None:
        raise ConfigurationError(f"providers.{name}.api_key is needed")
    return read


def _told(section: str, error: ValidationError) -> Iterator[str]:
    for mistake in error.errors(include_url=False, include_context=False, include_input=False):
        name = ".".join([section, *map(str, mistake["loc"])])
        if mistake["type"] == "extra_forbidden":
            yield f"{name} is no setting of this provider"
        else:
            text = mistake["msg"].removeprefix("Value error, ")
            yield f"{name} is wrong: {text[0].lower()}{text[1:]}"


def open_vendors(sections: Mapping[str, VendorSettings], clock: Clock) -> Iterator[Vendor]:
    """Make the provider of each section ``[providers.<name>]``; none is started."""
    for name, section in sections.items():
        if section.enabled:
            yield vendor_class(section.kind or name).make(name, section, clock)
