"""The tables, as SQLAlchemy Core sees them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

SCHEMA_VERSION = 3
"""Goes up with every change to the tables, which also needs a step in `voxgate.storage.migrations`."""

metadata = MetaData()

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", String(32), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("tenant", String(64), nullable=False),
    Column("plan", String(64), nullable=False),
    Column("identity_verified", Boolean, nullable=False),
    Column("secret_hash", LargeBinary(32), nullable=False, unique=True),  # HMAC-SHA-256, never the secret
    Column("created_s", Float, nullable=False),  # seconds since the Unix epoch, here and below
    Column("revoked_s", Float, nullable=True),
)

lexicons = Table(
    "lexicons",
    metadata,
    Column("lexicon_id", String(36), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("kind", String(16), nullable=False),  # voxgate.storage.lexicons.LexiconKind
    Column("name", String(255), nullable=False),
    Column("items", Text, nullable=False),  # JSON, as Telnyx writes dictionary items
    Column("version", Integer, nullable=False),  # 1, and one more with every change
    Column("created_s", Float, nullable=False),
    Column("updated_s", Float, nullable=False),
    Index("lexicons_of_tenant", "tenant", "kind"),
)

daily_characters = Table(
    "daily_characters",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("day", String(10), primary_key=True),  # of UTC, as 2026-01-31
    Column(
        "characters", BigInteger, nullable=False
    ),  # spoken or leased to a server, see voxgate.access.quota
)
