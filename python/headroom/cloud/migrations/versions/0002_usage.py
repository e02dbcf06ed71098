"""Usage: events, figures by minute, hour and day, and how far each spool was read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_big = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _sums(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def _names(**lengths: int) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(length), primary_key=True) for name, length in lengths.items()]


def _period() -> list[sa.Column[int]]:
    return [sa.Column("period_s", sa.Integer, primary_key=True), sa.Column("start_s", sa.BigInteger, primary_key=True)]


def upgrade() -> None:
    op.create_table(
        "usage_events",
        sa.Column("id", _big, primary_key=True, autoincrement=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("organisation_id", sa.String(32), nullable=False),
        sa.Column("key_id", sa.String(32), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("provider", sa.String(64), nullable=False),
        sa.Column("level", sa.String(16), nullable=False),
        sa.Column("tools", sa.Text, nullable=False),
        sa.Column("kinds", sa.Text, nullable=False),
        *_sums("tokens_before", "tokens_after", "bytes_in", "latency_us", "core_us"),
        sa.Column("originals", sa.Integer, nullable=False),
    )
    op.create_index("events_by_organisation", "usage_events", ["organisation_id", "at_ms"])
    op.create_index("events_by_time", "usage_events", ["at_ms"])
    op.create_table(
        "usage_rollups",
        *_period(),
        *_names(organisation_id=32, key_id=32, action=16, outcome=32, model=200, provider=64, level=16),
        *_sums("requests", "tokens_before", "tokens_after", "bytes_in", "latency_us", "core_us", "originals"),
    )
    op.create_index("rollups_by_organisation", "usage_rollups", ["organisation_id", "period_s", "start_s"])
    op.create_table(
        "usage_labels",
        *_period(),
        *_names(organisation_id=32, dimension=8, value=64),
        *_sums("requests", "tokens_before", "tokens_after"),
    )
    op.create_index("labels_by_organisation", "usage_labels", ["organisation_id", "period_s", "start_s"])
    op.create_table(
        "usage_spools",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("updated_s", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    for name in ("usage_spools", "usage_labels", "usage_rollups", "usage_events"):
        op.drop_table(name)
