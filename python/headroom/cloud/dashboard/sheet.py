"""A sheet: one table of figures, as it is shown, drawn as a chart and exported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from headroom.cloud.dashboard.formats import FORMS, NUMBERS
from headroom.cloud.usage.export import csv_lines

ChartKind = Literal["", "stacked", "line", "bars", "share"]


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: key in the rows, and name in exports.
        label: heading.
        form: name of `FORMS`.
        hint: what the figure means.
        draw: whether the chart shows it.
        bar: whether each cell has a bar in proportion to the largest.
    """

    name: str
    label: str
    form: str = "text"
    hint: str = ""
    draw: bool = False
    bar: bool = False

    @property
    def is_number(self) -> bool:
        """Stands right and can be drawn."""
        return self.form in NUMBERS


@dataclass
class Sheet:
    """A table.

    Attributes:
        id: name in URLs and in the page.
        title: heading.
        columns: the first one names the row.
        rows: values by column name. `href` makes the row's name a link.
        about: a sentence on what is shown.
        chart: how it is drawn; empty: not at all.
        empty: what to say where there are no rows.
        note: what has to be known to read it.
        left_out: rows that are not shown.
        is_unfinished: the last row is a step that still runs.
    """

    id: str
    title: str
    columns: Sequence[Column]
    rows: list[dict[str, Any]]
    about: str = ""
    chart: ChartKind = ""
    empty: str = "Nothing in this range."
    note: str = ""
    left_out: int = 0
    is_unfinished: bool = False
    _largest: dict[str, float] = field(default_factory=dict)

    @property
    def has_figures(self) -> bool:
        """False if there is nothing to draw."""
        drawn = [c.name for c in self.columns if c.is_number]
        return any(row.get(name) for row in self.rows for name in drawn)

    def show(self, column: Column, row: dict[str, Any]) -> str:
        """A cell for people."""
        return FORMS[column.form](row.get(column.name))

    def part(self, column: Column, row: dict[str, Any]) -> float:
        """Percent of the column's largest value, for a bar."""
        if column.name not in self._largest:
            self._largest[column.name] = max((float(r.get(column.name) or 0) for r in self.rows), default=0.0)
        largest = self._largest[column.name]
        return round(100 * float(row.get(column.name) or 0) / largest, 1) if largest > 0 else 0.0

    def csv(self) -> bytes:
        """All of it, values as they are."""
        names = [c.name for c in self.columns]
        return csv_lines([names, *([row.get(name) for name in names] for row in self.rows)])
