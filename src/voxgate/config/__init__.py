"""Settings: what can be set, what it is when nothing is set, and where it was set.

Later places win: the defaults, then ``voxgate.toml``, then ``VOXGATE_*`` in the environment, then the
command line. A section's setting is written ``port = 9000`` under ``[server]`` in the file and
``VOXGATE_SERVER__PORT=9000`` in the environment.

`load_settings` is the only way the server reads them: it names every setting that is unknown or wrong.
"""

from voxgate.config.doors import (
    AgentSettings,
    RestSettings,
    TelnyxSettings,
    TranscriptionSettings,
    UpliftSettings,
)
from voxgate.config.house import (
    CacheSettings,
    EspeakSettings,
    LimitSettings,
    LogSettings,
    PlanSettings,
    ServerSettings,
    SpeakerSettings,
)
from voxgate.config.reading import CONFIG_VARIABLE, FILE_NAME, KEY_VARIABLE, URL_VARIABLE, load_settings
from voxgate.config.settings import MIN_KEY_CHARACTERS, PREFIX, Settings

__all__ = [
    "CONFIG_VARIABLE",
    "FILE_NAME",
    "KEY_VARIABLE",
    "MIN_KEY_CHARACTERS",
    "PREFIX",
    "URL_VARIABLE",
    "AgentSettings",
    "CacheSettings",
    "EspeakSettings",
    "LimitSettings",
    "LogSettings",
    "PlanSettings",
    "RestSettings",
    "ServerSettings",
    "Settings",
    "SpeakerSettings",
    "TelnyxSettings",
    "TranscriptionSettings",
    "UpliftSettings",
    "load_settings",
]
