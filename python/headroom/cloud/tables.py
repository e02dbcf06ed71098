"""The database's tables (SQLAlchemy Core). Figures, names and key digests; never content.

Times are whole seconds (`_s`) or milliseconds (`_ms`) since 1970, so that both databases compare them alike.
A change here needs a migration in migrations/versions; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()
Big = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only in a column that is called INTEGER."""

organisations = Table(
    "organisations",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    # Keys the hashes of originals, so that equal texts of two organisations have different hashes.
    Column("hash_key", LargeBinary(32), nullable=False),
    Column("created_s", BigInteger, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("organisation_id", String(32), ForeignKey("organisations.id"), nullable=False),
    Column("name", String(64), nullable=False),
    Column("prefix", String(16), nullable=False, unique=True),
    # SHA-256 of the whole key. Its secret has 256 random bits: nothing slower is needed.
    Column("digest", LargeBinary(32), nullable=False),
    Column("role", String(16), nullable=False),
    Column("requests_per_minute", Integer),
    Column("max_body_bytes", BigInteger),
    Column("created_s", BigInteger, nullable=False),
    Column("expires_s", BigInteger),
    Column("revoked_s", BigInteger),
    # Whose figures its requests are, whenever they were made.
    Column("team", String(64)),
    Index("keys_by_organisation", "organisation_id"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    Column("at_s", BigInteger, nullable=False),
    Column("organisation_id", String(32)),
    Column("actor", String(96), nullable=False),
    Column("action", String(32), nullable=False),
    Column("subject", String(96), nullable=False),
    Column("detail", Text, nullable=False),
    Index("audit_by_organisation", "organisation_id", "at_s"),
)

sessions = Table(
    "dashboard_sessions",
    metadata,
    # SHA-256 of the cookie: who reads the database cannot sign in with it.
    Column("digest", LargeBinary(32), primary_key=True),
    Column("key_id", String(32), ForeignKey("keys.id"), nullable=False),
    Column("expires_s", BigInteger, nullable=False),
    Index("sessions_by_expiry", "expires_s"),
)

events = Table(
    "usage_events",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("organisation_id", String(32), nullable=False),
    Column("key_id", String(32), nullable=False),
    Column("action", String(16), nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("model", String(200), nullable=False),
    Column("provider", String(64), nullable=False),
    Column("level", String(16), nullable=False),
    Column("tools", Text, nullable=False),
    Column("kinds", Text, nullable=False),
    Column("tokens_before", BigInteger, nullable=False),
    Column("tokens_after", BigInteger, nullable=False),
    Column("bytes_in", BigInteger, nullable=False),
    Column("latency_us", BigInteger, nullable=False),
    Column("core_us", BigInteger, nullable=False),
    Column("originals", Integer, nullable=False),
    Index("events_by_organisation", "organisation_id", "at_ms"),
    Index("events_by_time", "at_ms"),
)

rollups = Table(
    "usage_rollups",
    metadata,
    Column("period_s", Integer, primary_key=True),
    Column("start_s", BigInteger, primary_key=True),
    Column("organisation_id", String(32), primary_key=True),
    Column("key_id", String(32), primary_key=True),
    Column("action", String(16), primary_key=True),
    Column("outcome", String(32), primary_key=True),
    Column("model", String(200), primary_key=True),
    Column("provider", String(64), primary_key=True),
    Column("level", String(16), primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("tokens_before", BigInteger, nullable=False),
    Column("tokens_after", BigInteger, nullable=False),
    Column("bytes_in", BigInteger, nullable=False),
    Column("latency_us", BigInteger, nullable=False),
    Column("core_us", BigInteger, nullable=False),
    Column("originals", BigInteger, nullable=False),
    Index("rollups_by_organisation", "organisation_id", "period_s", "start_s"),
)

label_rollups = Table(
    "usage_labels",
    metadata,
    Column("period_s", Integer, primary_key=True),
    Column("start_s", BigInteger, primary_key=True),
    Column("organisation_id", String(32), primary_key=True),
    Column("dimension", String(8), primary_key=True),
    Column("value", String(64), primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("tokens_before", BigInteger, nullable=False),
    Column("tokens_after", BigInteger, nullable=False),
    Index("labels_by_organisation", "organisation_id", "period_s", "start_s"),
)

spools = Table(
    "usage_spools",
    metadata,
    Column("id", String(40), primary_key=True),
    # Bytes of the spool that are in the database; moved in the transaction that writes the events.
    Column("offset", BigInteger, nullable=False),
    Column("updated_s", BigInteger, nullable=False),
)

# Learning. Tools, fields and counts; a field's name stands here only once several conversations had it (learning/).

learning_organisations = Table(
    "learning_organisations",
    metadata,
    Column("organisation_id", String(32), primary_key=True),
    # on, observe or off; without a row the service's setting holds.
    Column("mode", String(8), nullable=False),
    # 1: takes part in what organisations share.
    Column("shared", Integer, nullable=False),
    Column("updated_s", BigInteger, nullable=False),
)

learning_evidence = Table(
    "learning_evidence",
    metadata,
    Column("organisation_id", String(32), primary_key=True),
    Column("tool", String(64), primary_key=True),
    Column("structure", String(16), primary_key=True),
    # Keyed with the organisation's hash key, since the path itself is unknown until `path` has it.
    Column("path_digest", String(16), primary_key=True),
    # "" for a field; for the records of an array their place in it: "0", "1-2", …, "last".
    Column("place", String(8), primary_key=True),
    Column("path", Text),
    # Conversations: that had the field, in which its use could be told, that used it, that retrieved it.
    Column("present", Float, nullable=False),
    Column("seen", Float, nullable=False),
    Column("used", Float, nullable=False),
    Column("retrieved", Float, nullable=False),
    # Of those in which it could be told, how many since the last use; and how often its use changed.
    Column("quiet", Integer, nullable=False),
    Column("changes", Integer, nullable=False),
    Column("updated_s", BigInteger, nullable=False),
    Index("evidence_by_time", "updated_s"),
)

learning_conversations = Table(
    "learning_conversations",
    metadata,
    Column("organisation_id", String(32), primary_key=True),
    Column("conversation", String(32), primary_key=True),
    # What of this conversation stands in the evidence already: digests and flags.
    Column("counted", Text, nullable=False),
    Column("updated_s", BigInteger, nullable=False),
    Index("learning_conversations_by_time", "updated_s"),
)

learning_states = Table(
    "learning_states",
    metadata,
    Column("organisation_id", String(32), primary_key=True),
    Column("tool", String(64), primary_key=True),
    Column("structure", String(16), primary_key=True),
    Column("path_digest", String(16), primary_key=True),
    Column("path", Text, nullable=False),
    # pinned: a person says keep; forbidden: a person says drop.
    Column("state", String(16), nullable=False),
    Column("actor", String(96), nullable=False),
    Column("at_s", BigInteger, nullable=False),
)

learning_policies = Table(
    "learning_policies",
    metadata,
    Column("organisation_id", String(32), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("made_s", BigInteger, nullable=False),
    # learned, or what a person did: pinned, forbidden, auto, imported.
    Column("reason", String(16), nullable=False),
    Column("actor", String(96), nullable=False),
    Column("document", Text, nullable=False),
)

learning_pins = Table(
    "learning_pins",
    metadata,
    Column("organisation_id", String(32), primary_key=True),
    Column("conversation", String(32), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("used_s", BigInteger, nullable=False),
    Index("pins_by_time", "used_s"),
)

learning_cuts = Table(
    "learning_cuts",
    metadata,
    Column("organisation_id", String(32), primary_key=True),
    # Of an original from which a policy dropped fields: what its retrieval counts for.
    Column("hash", String(24), primary_key=True),
    Column("conversation", String(32), nullable=False),
    Column("tool", String(64), nullable=False),
    Column("structure", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("made_s", BigInteger, nullable=False),
    Index("cuts_by_time", "made_s"),
)

learning_counters = Table(
    "learning_counters",
    metadata,
    Column("organisation_id", String(32), primary_key=True),
    Column("day_s", BigInteger, primary_key=True),
    Column("name", String(24), primary_key=True),
    Column("count", BigInteger, nullable=False),
)

learning_shared = Table(
    "learning_shared",
    metadata,
    Column("tool", String(64), primary_key=True),
    Column("structure", String(16), primary_key=True),
    Column("path_digest", String(16), primary_key=True),
    Column("path", Text, nullable=False),
    Column("organisations", Integer, nullable=False),
    # Organisations whose evidence says unused, with noise; drawn once per release.
    Column("unused", Float, nullable=False),
    Column("made_s", BigInteger, nullable=False),
)
