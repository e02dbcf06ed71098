"""Usage events as CSV or Parquet, read in pages so that a year of them needs no memory."""

from __future__ import annotations

import csv
import importlib
import io
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from headroom.cloud import tables

PAGE = 5000
FIELDS = ("at_ms", *(c.name for c in tables.events.columns if c.name not in ("id", "at_ms", "organisation_id")))
# A spreadsheet takes a cell that begins with one of these for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class ExportProblem(ValueError):
    """The export cannot be made; the message says why and what to do."""


def page(connection: Connection, organisation_id: str, from_ms: int, to_ms: int, after: tuple[int, int]) -> list[Any]:
    """The next events after (at_ms, id) in order."""
    t = tables.events
    return list(
        connection.execute(
            sa.select(t)
            .where(
                t.c.organisation_id == organisation_id,
                t.c.at_ms >= from_ms,
                t.c.at_ms < to_ms,
                sa.tuple_(t.c.at_ms, t.c.id) > sa.tuple_(*after),
            )
            .order_by(t.c.at_ms, t.c.id)
            .limit(PAGE)
        ).mappings()
    )


def pages(engine: Engine, organisation_id: str, from_ms: int, to_ms: int) -> Iterator[list[Any]]:
    """All pages."""
    after = (from_ms - 1, 0)
    while True:
        with engine.begin() as connection:
            rows = page(connection, organisation_id, from_ms, to_ms, after)
        if not rows:
            return
        yield rows
        after = (rows[-1]["at_ms"], rows[-1]["id"])


def csv_header() -> bytes:
    """The first line."""
    return (",".join(FIELDS) + "\r\n").encode()


def csv_rows(rows: list[Any]) -> bytes:
    """The lines of a page."""
    return csv_lines([row[name] for name in FIELDS] for row in rows)


def csv_lines(rows: Iterable[Iterable[Any]]) -> bytes:
    """CSV that a spreadsheet takes for data only."""
    out = io.StringIO()
    csv.writer(out).writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue().encode()


def _cell(value: Any) -> Any:
    return "'" + value if isinstance(value, str) and value.startswith(FORMULA) else value


def check_parquet() -> None:
    """To be called before a file is opened, which would empty it.

    Raises:
        ExportProblem: pyarrow is not installed.
    """
    try:
        importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise ExportProblem(
            "Parquet needs a package that is not installed; run: pip install pyarrow (or use --format csv)"
        ) from None


def write_parquet(found: Iterator[list[Any]], file: BinaryIO) -> int:
    """Writes Parquet; the number of events.

    Raises:
        ExportProblem: see `check_parquet`.
    """
    check_parquet()
    import pyarrow
    import pyarrow.parquet

    numbers = {c.name for c in tables.events.columns if not isinstance(c.type, sa.String)}
    schema = pyarrow.schema([(name, pyarrow.int64() if name in numbers else pyarrow.string()) for name in FIELDS])
    count = 0
    with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for rows in found:
            columns = {name: [row[name] for row in rows] for name in FIELDS}
            writer.write_table(pyarrow.table(columns, schema=schema))
            count += len(rows)
    return count
