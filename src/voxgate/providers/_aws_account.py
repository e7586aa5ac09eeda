"""An account of AWS: what the settings say of it, and its signature under requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from pydantic import Field, SecretStr, model_validator

from voxgate.providers._vendor import Account, AccountSettings, VendorSettings

DEFAULT_REGION = "us-east-1"


class AwsAccountSettings(AccountSettings):
    """Of one AWS account."""

    api_key: SecretStr | None = Field(default=None, description="The secret access key.")
    access_key_id: str | None = Field(default=None, description="The access key's id.")
    session_token: SecretStr | None = Field(
        default=None, description="The session token of temporary credentials."
    )
    region: str | None = Field(default=None, description=f"The region; `{DEFAULT_REGION}` if not said.")


class AwsSettings(AwsAccountSettings, VendorSettings):
    """The section ``[providers.aws]``."""

    tenants: dict[str, AwsAccountSettings] = Field(  # type: ignore[assignment]  # narrower in its values
        default={},
        description="A table `[providers.aws.tenants.<tenant>]` for each tenant that speaks with an account "
        "of its own.",
        json_schema_extra={"default_text": "none"},
    )
    word_times: bool = Field(
        default=False,
        description="Ask for the times of words too: a second request for each utterance, which AWS bills "
        "like the first. The generative engine has none.",
    )
    upstream_format: Literal["pcm", "ogg_vorbis"] = Field(
        default="pcm",
        description="What Polly sends: `pcm` at 16 kHz, the most it makes, or `ogg_vorbis` at the voice's "
        "own 22.05 or 24 kHz, which is heard a little later.",
    )

    @model_validator(mode="after")
    def _has_ids(self) -> Self:
        accounts: list[AwsAccountSettings] = [self, *self.tenants.values()]
        for account in accounts:
            if (account.api_key is None) != (account.access_key_id is None):
                raise ValueError("api_key and access_key_id belong together")
        return self


@dataclass(frozen=True, slots=True, repr=False)
class AwsAccount(Account):
    """Credentials of AWS; ``key`` is the secret access key."""

    key_id: str
    token: str | None
    region: str

    def signed(self, method: str, url: str, body: bytes = b"") -> dict[str, str]:
        """Return the headers of a request, its signature among them."""
        headers = {"Content-Type": "application/json"} if body else {}
        request = AWSRequest(method, url, headers, body)
        SigV4Auth(Credentials(self.key_id, self.key, self.token), "polly", self.region).add_auth(request)
        return dict(request.headers.items())
