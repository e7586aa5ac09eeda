"""What the settings say of Azure."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from voxgate.providers._vendor import AccountSettings, VendorSettings


class AzureAccountSettings(AccountSettings):
    """Of one Speech resource."""

    region: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9-]+$",
        description="The resource's region, such as `westeurope`; not needed where `base_url` is set.",
    )


class AzureSettings(AzureAccountSettings, VendorSettings):
    """The section ``[providers.azure]``."""

    tenants: dict[str, AzureAccountSettings] = Field(  # type: ignore[assignment]  # narrower in its values
        default={},
        description="A table `[providers.azure.tenants.<tenant>]` for each tenant that speaks with a "
        "resource of its own.",
        json_schema_extra={"default_text": "none"},
    )
    transport: Literal["auto", "http", "websocket"] = Field(
        default="auto",
        description="`auto`: whole texts over REST, text that is still being written over a WebSocket; or "
        "everything one way. Only over a WebSocket are the times of words told.",
    )
    deployment_id: str | None = Field(default=None, description="The deployment of a custom voice.")

    @model_validator(mode="after")
    def _has_a_place(self) -> Self:
        if self.region is None and self.base_url is None:
            raise ValueError("region is needed, or base_url")
        return self
