"""`headroom usage`: usage events of an organisation as CSV or Parquet (extra `cloud`)."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Iterator
from typing import BinaryIO

from headroom.commands import CommandError
from headroom.commands.service import add_database, open_database


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to export, and where to."""
    parser.add_argument("--org", required=True, help="organisation")
    parser.add_argument("--from", dest="start", default="30d", metavar="TIME", help="date, time, or age (default: 30d)")
    parser.add_argument("--to", dest="end", default="0m", metavar="TIME", help="date, time, or age (default: now)")
    parser.add_argument("--format", choices=("csv", "parquet"), default="csv", help="default: csv")
    parser.add_argument("-o", "--output", default="-", metavar="FILE", help="default: standard output")
    add_database(parser)


def run(arguments: argparse.Namespace) -> int:
    """`headroom usage`."""
    with open_database(arguments) as engine:
        from headroom.cloud import keys
        from headroom.cloud.errors import ServiceError
        from headroom.cloud.usage import export, stats

        now_s = int(time.time())
        try:
            from_ms = stats.moment("from", arguments.start, now_s) * 1000
            to_ms = stats.moment("to", arguments.end, now_s) * 1000 + 1000
            with engine.begin() as connection:
                organisation_id, _ = keys.organisation(connection, arguments.org)
            if arguments.format == "parquet":
                export.check_parquet()
            found = export.pages(engine, organisation_id, from_ms, to_ms)
            with _output(arguments.output) as file:
                if arguments.format == "parquet":
                    export.write_parquet(found, file)
                else:
                    file.write(export.csv_header())
                    for rows in found:
                        file.write(export.csv_rows(rows))
        except ServiceError as problem:
            raise CommandError(f"{problem.message} Given: {problem.given}; allowed: {problem.allowed}") from problem
        except (keys.KeyProblem, export.ExportProblem) as problem:
            raise CommandError(str(problem)) from problem
    return 0


@contextlib.contextmanager
def _output(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdout.buffer
        return
    try:
        file: BinaryIO = open(name, "wb")  # noqa: SIM115  # closed below
    except OSError as error:
        raise CommandError(f"cannot write {name}: {error.strerror}") from error
    with file:
        yield file
