"""The settings as text: the page of the manual, and what is in force."""

from __future__ import annotations

import json
from collections.abc import Iterator
from inspect import cleandoc
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from voxgate.config import PREFIX, Settings

_HEAD = """\
# Settings

voxgate reads its settings from these places; the later wins:

1. the defaults below,
2. `voxgate.toml` in the current folder, or the file named by `--config` or `VOXGATE_CONFIG`,
3. the environment,
4. the command line (`voxgate serve --help`).

```toml
data_dir = "/var/lib/voxgate"

[server]
port = 9000
```

says the same as `VOXGATE_DATA_DIR=/var/lib/voxgate VOXGATE_SERVER__PORT=9000`: two underscores join a section
and its setting. A setting that is unknown or wrong is named when the server starts, and nothing starts.
`voxgate settings` shows what is in force.

<!-- Written by `voxgate settings --markdown`; change the package voxgate.config instead. -->

"""


def settings_page() -> str:
    """Write the page of the manual that documents every setting, as Markdown."""
    single = {name: field for name, field in Settings.model_fields.items() if _section(field) is None}
    parts = [_HEAD, "## At the top\n\n", *_table(single, "", PREFIX)]
    for name, field in Settings.model_fields.items():
        section = _section(field)
        if section is not None:
            parts += [f"\n## [{name}]\n\n{cleandoc(section.__doc__ or '')}\n\n"]
            parts += _table(section.model_fields, f"{name}.", f"{PREFIX}{name.upper()}__")
    return "".join([*parts, *_providers()])


def _providers() -> Iterator[str]:
    """Tell what each vendor's section can hold: what all have in common first."""
    from voxgate.providers._vendor import VendorSettings
    from voxgate.providers.registry import vendor_class, vendor_names

    common = VendorSettings.model_fields
    yield "\n## Providers\n\nA section `[providers.<name>]` for each vendor that speaks; in every one:\n\n"
    yield from _table(common, "providers.<name>.", f"{PREFIX}PROVIDERS__<NAME>__")
    for name in vendor_names():
        vendor = vendor_class(name)
        own = {field: told for field, told in vendor.Settings.model_fields.items() if field not in common}
        yield f"\n### [providers.{name}]\n\n[What it does](providers/{name}.md). "
        yield "Nothing more can be set.\n" if not own else "Besides:\n\n"
        if own:
            yield from _table(own, f"providers.{name}.", f"{PREFIX}PROVIDERS__{name.upper()}__")


def settings_in_force(settings: Settings) -> Iterator[tuple[str, str]]:
    """List every setting's full name and value; a secret's value is hidden."""
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            for inner in type(value).model_fields:
                yield f"{name}.{inner}", _shown(getattr(value, inner))
        elif name == "providers":
            for provider, section in value.items():
                for inner in type(section).model_fields:
                    yield f"{name}.{provider}.{inner}", _shown(getattr(section, inner))
        else:
            yield name, _shown(value)


def _table(fields: dict[str, FieldInfo], prefix: str, variable_prefix: str) -> Iterator[str]:
    yield "| setting | default | meaning |\n|---|---|---|\n"
    for name, field in fields.items():
        meaning = f"{field.description} `{variable_prefix}{name.upper()}`"
        yield f"| `{prefix}{name}` | {_default(field)} | {meaning} |\n"


def _default(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    if isinstance(extra, dict) and "default_text" in extra:
        return str(extra["default_text"])
    return "unset" if field.default in (None, ()) else f"`{_shown(field.default)}`"


def _section(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _shown(value: Any) -> str:
    match value:
        case None | ():
            return "unset"
        case SecretStr():
            return "(set)"
        case tuple():
            return ", ".join(map(str, value))
        case bool() | int() | float() | str():
            return json.dumps(value)
        case _:
            return json.dumps(str(value))
