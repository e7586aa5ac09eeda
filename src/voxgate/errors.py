"""Every error voxgate raises on purpose, in one tree.

::

    VoxgateError
    ├── ConfigurationError          a setting is wrong; the server does not start
    ├── RequestError                the caller's fault; trying the same again will not help
    │   ├── InvalidRequest          malformed, missing or out of range; ``field`` names it
    │   │   ├── InvalidVoice        a voice name that cannot be parsed, or is not on a closed list
    │   │   ├── UnsupportedFormat   a codec, container and rate that do not go together
    │   │   ├── InvalidMarkup       SSML that does not parse
    │   │   └── TextTooLong         more text than the door takes
    │   ├── NotAuthenticated        no key, or a wrong or revoked one
    │   ├── NotPermitted            a good key that may not do this
    │   ├── NotFound
    │   └── Conflict                somebody else has changed it meanwhile
    ├── CapacityError               too much at once; ``retry_after_s`` says when to come back
    │   ├── RateLimited             the caller's own limit
    │   └── Overloaded              the server's or a provider's limit
    └── SynthesisError              speech could not be made
        ├── ProviderRejected        the provider refused this request (bad voice, bad text)
        ├── ProviderDenied          the provider refused our credentials or plan
        ├── ProviderUnavailable     connection refused, 5xx, reset before or during speech
        ├── ProviderTimeout         no audio in time
        ├── IncompleteAudio         the stream ended without its natural end mark, or with no audio at all
        └── EngineCrashed           a local worker process died

Each class has a stable ``code``, says whether a retry can help (``retryable``) and whether another provider
may do better (``fails_over``: the retryable ones, and a refusal of our own credentials). Protocols map
classes to their own words; nobody decides anything on message text.
"""

from __future__ import annotations

from typing import ClassVar


class VoxgateError(Exception):
    """Root of the tree.

    Args:
        message: one sentence for a person; never contains a key, text to be spoken, or audio.
        provider_request_id: the upstream's own id of the failed request, when it gave one.
    """

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False
    fails_over: ClassVar[bool] = False

    status: int | None = None
    """What told a client of it: an HTTP status of 3 digits, or the 4 digits of a socket's close code."""

    def __init__(self, message: str, *, provider_request_id: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.provider_request_id = provider_request_id


class ConfigurationError(VoxgateError):
    """A setting is wrong. The message names the setting and how to mend it."""

    code = "configuration_error"


class RequestError(VoxgateError):
    """The caller's fault."""

    code = "request_error"


class InvalidRequest(RequestError):
    """Malformed, missing or out of range.

    Args:
        message: what is wrong and what would be right.
        field: the field or query parameter at fault, as the caller spelled it, when one is.
    """

    code = "invalid_request"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class InvalidVoice(InvalidRequest):
    """A voice name that cannot be parsed, has no such provider, or is absent from a closed list."""

    code = "invalid_voice"


class UnsupportedFormat(InvalidRequest):
    """A codec, container and rate that do not go together."""

    code = "unsupported_format"


class InvalidMarkup(InvalidRequest):
    """SSML that does not parse."""

    code = "invalid_markup"


class TextTooLong(InvalidRequest):
    """More text than the door takes."""

    code = "text_too_long"


class NotAuthenticated(RequestError):
    """No key, or a wrong or revoked one."""

    code = "not_authenticated"


class NotPermitted(RequestError):
    """A good key that may not do this."""

    code = "not_permitted"


class NotFound(RequestError):
    """No such thing, or not this tenant's."""

    code = "not_found"


class Conflict(RequestError):
    """Somebody else has changed it meanwhile: look again, and then try again."""

    code = "conflict"


class CapacityError(VoxgateError):
    """Too much at once.

    Args:
        message: what is full.
        retry_after_s: when to come back, when that is known.
    """

    code = "capacity"
    retryable = True
    fails_over = True

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RateLimited(CapacityError):
    """The caller's own limit is used up."""

    code = "rate_limited"


class Overloaded(CapacityError):
    """The server's or a provider's limit is used up."""

    code = "overloaded"


class SynthesisError(VoxgateError):
    """Speech could not be made."""

    code = "synthesis_failed"


class ProviderRejected(SynthesisError):
    """The provider refused this request as such: bad voice, bad text."""

    code = "provider_rejected"


class ProviderDenied(SynthesisError):
    """The provider refused our credentials or plan."""

    code = "provider_denied"
    fails_over = True


class ProviderUnavailable(SynthesisError):
    """Connection refused, a server error, or a reset."""

    code = "provider_unavailable"
    retryable = True
    fails_over = True


class ProviderTimeout(SynthesisError):
    """No audio in time."""

    code = "provider_timeout"
    retryable = True
    fails_over = True


class IncompleteAudio(SynthesisError):
    """The stream ended without its natural end mark, or with success and no audio at all."""

    code = "incomplete_audio"
    retryable = True
    fails_over = True


class EngineCrashed(SynthesisError):
    """A local worker process died."""

    code = "engine_crashed"
    retryable = True
    fails_over = True
