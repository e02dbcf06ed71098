"""Learning: evidence per field, policies and their versions, people's decisions, pins of conversations."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ORGANISATION = {"organisation_id": sa.String(32)}
_FIELD = {"tool": sa.String(64), "structure": sa.String(16), "path_digest": sa.String(16)}


def _make(name: str, key: dict[str, Any], columns: dict[str, Any], optional: tuple[str, ...] = ()) -> None:
    op.create_table(
        name,
        *(sa.Column(c, kind, primary_key=True) for c, kind in key.items()),
        *(sa.Column(c, kind, nullable=c in optional) for c, kind in columns.items()),
    )


def upgrade() -> None:
    when, count = sa.BigInteger, sa.Integer
    _make("learning_organisations", _ORGANISATION, {"mode": sa.String(8), "shared": count, "updated_s": when})
    sums = dict.fromkeys(("present", "seen", "used", "retrieved"), sa.Float)
    _make(
        "learning_evidence",
        {**_ORGANISATION, **_FIELD, "place": sa.String(8)},
        {"path": sa.Text, **sums, "quiet": count, "changes": count, "updated_s": when},
        optional=("path",),
    )
    op.create_index("evidence_by_time", "learning_evidence", ["updated_s"])
    conversation = {**_ORGANISATION, "conversation": sa.String(32)}
    _make("learning_conversations", conversation, {"counted": sa.Text, "updated_s": when})
    op.create_index("learning_conversations_by_time", "learning_conversations", ["updated_s"])
    _make(
        "learning_states",
        {**_ORGANISATION, **_FIELD},
        {"path": sa.Text, "state": sa.String(16), "actor": sa.String(96), "at_s": when},
    )
    _make(
        "learning_policies",
        {**_ORGANISATION, "version": count},
        {"made_s": when, "reason": sa.String(16), "actor": sa.String(96), "document": sa.Text},
    )
    _make("learning_pins", conversation, {"version": count, "used_s": when})
    op.create_index("pins_by_time", "learning_pins", ["used_s"])
    cut = {"conversation": sa.String(32), "tool": sa.String(64), "structure": sa.String(16), "version": count}
    _make("learning_cuts", {**_ORGANISATION, "hash": sa.String(24)}, {**cut, "made_s": when})
    op.create_index("cuts_by_time", "learning_cuts", ["made_s"])
    _make("learning_counters", {**_ORGANISATION, "day_s": when, "name": sa.String(24)}, {"count": when})
    _make("learning_shared", _FIELD, {"path": sa.Text, "organisations": count, "unused": sa.Float, "made_s": when})


def downgrade() -> None:
    for name in (
        "shared", "counters", "cuts", "pins", "policies", "states", "conversations", "evidence", "organisations",
    ):  # fmt: skip
        op.drop_table(f"learning_{name}")
