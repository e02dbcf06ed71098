"""`headroom stats`: the dashboard's overview in a terminal, from a database or over HTTP (extra `cloud`)."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from headroom.commands import CommandError
from headroom.commands.service import MISSING, add_database, load_settings, open_database
from headroom.commands.terminal import add_color, has_color, progress

if TYPE_CHECKING:
    from headroom.cloud.dashboard.sheet import Column, Sheet
    from headroom.cloud.usage.overview import Ask, Overview

KEY_VARIABLE = "HEADROOM_API_KEY"
TIMEOUT_S = 15.0
BAR_CHARS = 28
BOLD, FAINT, GREEN, RED, PLAIN = "\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whose figures, of when."""
    parser.add_argument("--range", default=None, metavar="RANGE", help="1h, 24h, 7d, 30d or 90d (default: 7d)")
    parser.add_argument("--from", dest="start", default=None, metavar="TIME", help="date, time, or age, in its place")
    parser.add_argument("--until", default="", metavar="TIME", help="with --from: until when (default: now)")
    parser.add_argument("--org", default=None, help="organisation (default: the only one that has keys, or local)")
    parser.add_argument(
        "--url", default=None, help=f"ask a running service in place of a database; its key in {KEY_VARIABLE}"
    )
    parser.add_argument("--json", action="store_true", help="print JSON: totals, and groups by each label")
    add_color(parser)
    add_database(parser)


def run(arguments: argparse.Namespace) -> int:
    """`headroom stats`."""
    try:
        from headroom.cloud.errors import ServiceError
        from headroom.cloud.usage.overview import gather
        from headroom.cloud.usage.span import DEFAULT, Span
    except ImportError as error:
        raise CommandError(MISSING) from error
    if arguments.start is not None and arguments.range is not None:
        raise CommandError("--range and --from are two ways to say when; give one of them")
    try:
        settings = load_settings(arguments)
        if arguments.start is None:
            span = Span.last(arguments.range or DEFAULT)
        else:
            span = Span.between(arguments.start, arguments.until, settings)
        with _remote(arguments) if arguments.url else _local(arguments, settings) as ask, progress("asking"):
            found = gather(ask, span)
    except ServiceError as problem:
        allowed = f"; allowed: {problem.allowed}" if problem.allowed else ""
        raise CommandError(f"{problem.message} Given: {problem.given}{allowed}") from problem
    if arguments.json:
        print(json.dumps(_plain(found)))
    else:
        Printer(has_color(sys.stdout, arguments.color)).overview(found)
    return 0


@contextlib.contextmanager
def _local(arguments: argparse.Namespace, settings: Any) -> Iterator[Ask]:
    with open_database(arguments) as engine:
        from headroom.cloud import keys
        from headroom.cloud.usage import stats

        try:
            with engine.begin() as connection:
                name = arguments.org or _only_organisation(connection)
                organisation_id, _ = keys.organisation(connection, name)
        except keys.KeyProblem as problem:
            raise CommandError(str(problem)) from problem

        def ask(group_by: list[str], start: str, end: str, step: str | None) -> dict[str, Any]:
            with engine.begin() as connection:
                return stats.query(connection, settings, organisation_id, name, start, end, group_by, None, step)

        yield ask


def _only_organisation(connection: Any) -> str:
    from headroom.cloud import keys

    names = sorted({row.organisation for row in keys.list_keys(connection)})
    if len(names) > 1:
        raise CommandError(f"there are several organisations; choose one with --org: {', '.join(names)}")
    return names[0] if names else keys.LOCAL_ORGANISATION


@contextlib.contextmanager
def _remote(arguments: argparse.Namespace) -> Iterator[Ask]:
    from headroom.integrations.cloud_client import CloudClient, CloudError

    if arguments.org is not None:
        raise CommandError("over HTTP the key says whose figures they are; leave out --org")
    try:
        client = CloudClient(arguments.url, os.environ.get(KEY_VARIABLE, ""), TIMEOUT_S)
    except ValueError as error:
        raise CommandError(str(error).replace("api_url", "--url")) from error

    def ask(group_by: list[str], start: str, end: str, step: str | None) -> dict[str, Any]:
        more = {"group_by": ",".join(group_by)} if group_by else {}
        return client.stats({"from": start, "to": end, **more, **({"step": step} if step else {})})

    try:
        yield ask
    except CloudError as error:
        what = {"status 401": f"it wants a key; put one into {KEY_VARIABLE}", "status 403": "the key sees no figures"}
        raise CommandError(f"the service cannot be asked: {what.get(error.kind, error.kind)}") from error
    finally:
        client.close()


def _plain(found: Overview) -> dict[str, Any]:
    labels = {name: getattr(found, name) for name in ("models", "teams", "kinds", "tools", "results", "latency")}
    return {**found.answer, "before": found.before, **labels}


class Printer:
    """Writes an overview."""

    def __init__(self, is_coloured: bool) -> None:
        self._is_coloured = is_coloured
        self._width = shutil.get_terminal_size().columns

    def overview(self, found: Overview) -> None:
        """All of it."""
        from headroom.cloud.dashboard import figures

        until = "now" if found.span.is_running else found.span.end[:16].replace("T", " ")
        start = found.span.start[:16].replace("T", " ")
        print(f"{self._in(BOLD, found.answer['organisation'])}, {found.span.label}: {start} to {until} (UTC)")
        print()
        for tile in figures.tiles(found):
            self._tile(tile)
        for sheet in (
            figures.over_time(found),
            figures.kinds(found),
            figures.results(found),
            figures.top(found, "model"),
            figures.top(found, "tool"),
            *([figures.top(found, "team")] if found.teams else []),
        ):
            self._sheet(sheet)

    def _tile(self, tile: dict[str, Any]) -> None:
        change = tile["change"]
        shown = ""
        if change:
            arrow = {"up": "▲", "down": "▼", "same": "●"}[change["direction"]]
            is_good = change["direction"] == tile["good"]
            colour = FAINT if not tile["good"] or change["direction"] == "same" else GREEN if is_good else RED
            shown = self._in(colour, f"{arrow} {change['text']}")
        value = self._in(BOLD, tile["value"].rjust(9))
        print(f"{tile['label']:<14} {value}  {tile['about']}  {shown}".rstrip())

    def _sheet(self, sheet: Sheet) -> None:
        print(f"\n{self._in(BOLD, sheet.title)}")
        if not sheet.rows or not sheet.has_figures:
            print(self._in(FAINT, f"  {sheet.empty}"))
            return
        columns = list(sheet.columns)
        table = [[c.label for c in columns], *([sheet.show(c, row) for c in columns] for row in sheet.rows)]
        widths = [max(len(line[i]) for line in table) for i in range(len(columns))]
        bars = ["", *self._bars(sheet)]
        for number, (line, bar) in enumerate(zip(table, bars, strict=True)):
            cells = (
                cell.rjust(width) if column.is_number else cell.ljust(width)
                for cell, width, column in zip(line, widths, columns, strict=True)
            )
            text = "  " + "  ".join(cells)
            if len(text) + 2 + BAR_CHARS <= self._width:
                text += f"  {bar}"
            print(self._in(FAINT, text.rstrip()) if number == 0 else text.rstrip())

    def _bars(self, sheet: Sheet) -> list[str]:
        """For each row a bar of what is drawn, the last part solid: what was saved."""
        drawn: list[Column] = [column for column in sheet.columns if column.draw]
        if not drawn:
            return [""] * len(sheet.rows)
        values = [[float(row.get(column.name) or 0) for column in drawn] for row in sheet.rows]
        largest = max(sum(row) for row in values) or 1.0
        out = []
        for row in values:
            solid = round(row[-1] / largest * BAR_CHARS)
            pale = round(sum(row) / largest * BAR_CHARS) - solid
            out.append(self._in(GREEN, "█" * solid) + self._in(FAINT, "░" * pale))
        return out

    def _in(self, style: str, text: str) -> str:
        return f"{style}{text}{PLAIN}" if self._is_coloured and text else text
