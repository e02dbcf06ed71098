"""What organisations may know of each other: of which fields at least five agree that they are unused, with noise.

Off unless the service (`learning_shared`) and the organisation (`shared`) both want it, for giving as for taking. Each
organisation that takes part says one thing about a field: unused, or not. Only names of fields that `MIN_ORGANISATIONS`
of them know are released, with the number that say unused plus Laplace noise of scale 1 / `EPSILON`; an organisation
changes that number by at most one. The noise is drawn once per release, so asking again tells nothing more. What is
released stands for `STANDS_FOR` quiet conversations: an organisation still needs about a hundred of its own.
"""

from __future__ import annotations

import hashlib
import math
import random
import time

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from headroom.cloud import tables
from headroom.learning.evidence import USE_AT_MOST, upper_bound
from headroom.learning.policy import Field

MIN_ORGANISATIONS = 5
EPSILON = 1.0
AGREE = 0.9
"""Share of the organisations that must say unused, after noise."""
STANDS_FOR = 50.0
EVERY_S = 86_400
"""How often a release may be made; noise drawn more often could be averaged away."""


def unused(connection: Connection, organisation_id: str) -> dict[Field, float]:
    """For each field that others agree on, the conversations that this stands for; none for who takes no part."""
    o, t = tables.learning_organisations, tables.learning_shared
    takes_part = sa.select(o.c.organisation_id).where(o.c.organisation_id == organisation_id, o.c.shared == 1)
    if connection.execute(takes_part).first() is None:
        return {}
    agreed = t.c.unused >= AGREE * t.c.organisations
    rows = connection.execute(sa.select(t.c.tool, t.c.structure, t.c.path).where(agreed))
    return {Field(row.tool, row.structure, row.path): STANDS_FOR for row in rows}


def release(connection: Connection, now_s: int | None = None, rng: random.Random | None = None) -> int:
    """Makes the shared figures anew, unless they are younger than `EVERY_S`; the number of fields released."""
    now_s = int(time.time()) if now_s is None else now_s
    rng = rng or random.SystemRandom()
    t, e, o = tables.learning_shared, tables.learning_evidence, tables.learning_organisations
    made_s = connection.execute(sa.select(sa.func.max(t.c.made_s))).scalar()
    if made_s is not None and now_s - made_s < EVERY_S:
        return 0
    rows = connection.execute(
        sa.select(e.c.tool, e.c.structure, e.c.path, e.c.seen, e.c.used, e.c.retrieved)
        .join_from(e, o, e.c.organisation_id == o.c.organisation_id)
        .where(o.c.shared == 1, e.c.place == "", e.c.path != None, e.c.seen > 0)  # noqa: E711
    )
    says: dict[Field, list[bool]] = {}
    for row in rows:
        is_unused = upper_bound(min(row.seen, row.used + row.retrieved), row.seen) <= USE_AT_MOST
        says.setdefault(Field(row.tool, row.structure, row.path), []).append(is_unused)
    released = [
        {
            "tool": field.tool,
            "structure": field.structure,
            "path_digest": hashlib.blake2b(field.path.encode(), digest_size=8).hexdigest(),
            "path": field.path,
            "organisations": len(said),
            "unused": sum(said) + _laplace(rng),
            "made_s": now_s,
        }
        for field, said in sorted(says.items())
        if len(said) >= MIN_ORGANISATIONS
    ]
    connection.execute(t.delete())
    if released:
        connection.execute(t.insert(), released)
    return len(released)


def _laplace(rng: random.Random) -> float:
    p = rng.random() - 0.5
    return -math.copysign(math.log(max(1e-300, 1 - 2 * abs(p))), p) / EPSILON
