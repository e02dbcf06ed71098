"""What a page shows, as its URL says: the range of time and the filters."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from starlette.datastructures import QueryParams

from headroom.cloud import tables
from headroom.cloud.keys import NO_TEAM
from headroom.cloud.settings import ServiceSettings
from headroom.cloud.usage.rollup import DAY_S
from headroom.cloud.usage.span import DEFAULT, Span
from headroom.cloud.usage.stats import FILTERS, teams

MAX_CHARS = 200
MAX_VALUES = 20
MAX_OPTIONS = 200


@dataclass(frozen=True)
class View:
    """Range and filters.

    Attributes:
        span: the range.
        chosen: chosen values by a name of `FILTERS`, as they are in the URL.
        given: the parameters that say so, for URLs.
    """

    span: Span
    chosen: dict[str, list[str]]
    given: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, query: QueryParams, settings: ServiceSettings) -> View:
        """The view of a URL: `range=7d`, or `from=` and `until=`; `model=`, `provider=`, `level=`, `key=`,
        `team=`.

        Raises:
            ServiceError: 422.
        """
        start, until, name = query.get("from", ""), query.get("until", ""), query.get("range", "")
        given: list[tuple[str, str]] = []
        if start and not name:
            span = Span.between(start, until, settings)
            given += [("from", start[:MAX_CHARS]), *([("until", until[:MAX_CHARS])] if until else [])]
        else:
            span = Span.last(name or DEFAULT)
            if span.range != DEFAULT:
                given.append(("range", span.range))
        chosen = {
            filter: [value[:MAX_CHARS] for value in query.getlist(filter)[:MAX_VALUES] if value] for filter in FILTERS
        }
        chosen = {filter: values for filter, values in chosen.items() if values}
        given += [(filter, value) for filter, values in chosen.items() for value in values]
        return cls(span, chosen, tuple(given))

    @property
    def where(self) -> dict[str, list[str]]:
        """The filters of a query: to choose nothing is no filter in a form, so there no team has a name."""
        return {
            filter: ["" if filter == "team" and value == NO_TEAM else value for value in values]
            for filter, values in self.chosen.items()
        }

    def url(self, path: str, /, **changes: str | None) -> str:
        """A URL with this view; a change replaces a parameter, None takes it out. A range replaces dates."""
        out = [(k, v) for k, v in self.given if k not in changes]
        if "range" in changes:
            out = [(k, v) for k, v in out if k not in ("from", "until")]
        out += [(k, v) for k, v in changes.items() if v]
        return f"{path}?{urlencode(out)}" if out else path

    @property
    def api(self) -> str:
        """Where the API has the same figures."""
        step = [("from", self.span.start), ("to", self.span.end), ("step", self.span.period)]
        return "/v1/stats?" + urlencode(step + [(k, v) for k, values in self.where.items() for v in values])


def options(connection: Connection, organisation_id: str, view: View) -> dict[str, list[tuple[str, str]]]:
    """What each filter can be set to in this range: (value, name)."""
    t = tables.rollups
    first, last = view.span.from_s // DAY_S * DAY_S, view.span.to_s
    columns = {"model": t.c.model, "provider": t.c.provider, "level": t.c.level, "key": t.c.key_id}
    within = (t.c.period_s == DAY_S, t.c.organisation_id == organisation_id, t.c.start_s >= first, t.c.start_s < last)
    found = connection.execute(sa.select(*columns.values()).where(*within).distinct()).all()
    names, team_of = key_names(connection, organisation_id), teams(connection, organisation_id)
    found_values = {name: {row[i] for row in found} for i, name in enumerate(columns)}
    found_values["team"] = {team_of.get(id, "") for id in found_values["key"]}
    out = {}
    for name in FILTERS:
        values = (found_values[name] - {""}) | set(view.chosen.get(name, ()))
        if name == "team" and team_of:
            values.add(NO_TEAM)
        shown = [(value, names.get(value, value) if name == "key" else value) for value in values]
        out[name] = sorted(shown, key=lambda pair: pair[1].lower())[:MAX_OPTIONS]
    return out


def key_names(connection: Connection, organisation_id: str) -> dict[str, str]:
    """The names of an organisation's keys, by id."""
    t = tables.keys
    rows = connection.execute(sa.select(t.c.id, t.c.name).where(t.c.organisation_id == organisation_id))
    return {"": "no key", **{row.id: row.name for row in rows}}
