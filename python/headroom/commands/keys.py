"""`headroom keys`: organisations' keys for the service, straight in its database (extra `cloud`)."""

from __future__ import annotations

import argparse
import datetime
import getpass
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from headroom.commands import CommandError
from headroom.commands.service import add_database, open_database

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

DAY_S = 86_400


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, help in (
        ("create", "make a key; it is shown this once"),
        ("list", "show keys, without their secrets"),
        ("rotate", "make a new key in place of one, with its role, limits and team"),
        ("team", "put a key into a team, or out of its team"),
        ("revoke", "end a key"),
        ("log", "show what was done to keys"),
    ):
        one = actions.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
        needed = name not in ("list", "log")
        one.add_argument("--org", required=needed, help="organisation" + (" (made if new)" if name == "create" else ""))
        if needed:
            one.add_argument("--name", required=True, help="name of the key")
        if name == "create":
            one.add_argument("--team", default=None, help="team whose requests it makes (default: none)")
            one.add_argument("--role", default="compress", help="compress, read or admin (default: compress)")
            one.add_argument(
                "--requests-per-minute", type=int, default=None, help="rate limit (default: the service's)"
            )
            one.add_argument("--max-body-kb", type=int, default=None, help="largest body (default: the service's)")
            one.add_argument(
                "--expires-days", type=int, default=None, help="end it after so many days (default: never)"
            )
        if name == "team":
            team = one.add_mutually_exclusive_group(required=True)
            team.add_argument("--team", help="its team from now on; what was counted for the key goes with it")
            team.add_argument("--none", action="store_true", help="it is in no team")
        if name == "rotate":
            one.add_argument(
                "--overlap-hours", type=float, default=0, help="the old key works so much longer (default: 0)"
            )
        one.add_argument("--json", action="store_true", help="print JSON")
        add_database(one)


def run(arguments: argparse.Namespace) -> int:
    """`headroom keys`."""
    with open_database(arguments) as engine:
        from headroom.cloud import keys

        do: Callable[..., None] = {
            "create": _create, "list": _list, "rotate": _rotate, "team": _team, "revoke": _revoke, "log": _log,
        }[arguments.action]  # fmt: skip
        try:
            do(engine, arguments)
        except keys.KeyProblem as problem:
            raise CommandError(str(problem)) from problem
    return 0


def _actor() -> str:
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli"


def _create(engine: Engine, arguments: argparse.Namespace) -> None:
    from headroom.cloud import keys

    expires = None if arguments.expires_days is None else int(time.time()) + arguments.expires_days * DAY_S
    size = None if arguments.max_body_kb is None else arguments.max_body_kb * 1024
    with engine.begin() as connection:
        key, row = keys.create(
            connection, arguments.org, arguments.name, arguments.role, _actor(),
            arguments.requests_per_minute, size, expires, arguments.team,
        )  # fmt: skip
    _show(arguments, key, row)


def _rotate(engine: Engine, arguments: argparse.Namespace) -> None:
    from headroom.cloud import keys

    with engine.begin() as connection:
        key, row = keys.rotate(connection, arguments.org, arguments.name, _actor(), int(arguments.overlap_hours * 3600))
    _show(arguments, key, row)


def _show(arguments: argparse.Namespace, key: str, row: Any) -> None:
    if arguments.json:
        print(json.dumps({"key": key, **_public(row)}))
    else:
        print(f"{key}\n\nOrganisation {row.organisation}, name {row.name}, role {row.role}. It is not shown again.")


def _list(engine: Engine, arguments: argparse.Namespace) -> None:
    from headroom.cloud import keys

    with engine.begin() as connection:
        rows = keys.list_keys(connection, arguments.org)
    if arguments.json:
        print(json.dumps([_public(row) for row in rows]))
        return
    table = [("ORGANISATION", "NAME", "ROLE", "TEAM", "KEY", "LIMIT", "CREATED", "STATE")]
    for row in rows:
        limit = f"{row.requests_per_minute}/min" if row.requests_per_minute else "-"
        who = (row.organisation, row.name, row.role, row.team or "-")
        table.append((*who, f"hdr_{row.prefix}…", limit, _day(row.created_s), _state(row)))
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _team(engine: Engine, arguments: argparse.Namespace) -> None:
    from headroom.cloud import keys

    with engine.begin() as connection:
        row = keys.set_team(connection, arguments.org, arguments.name, arguments.team, _actor())
    team = f"in team {row.team}" if row.team else "in no team"
    print(json.dumps(_public(row)) if arguments.json else f"{row.organisation}/{row.name} is {team}")


def _revoke(engine: Engine, arguments: argparse.Namespace) -> None:
    from headroom.cloud import keys

    with engine.begin() as connection:
        row = keys.revoke(connection, arguments.org, arguments.name, _actor())
    print(json.dumps(_public(row)) if arguments.json else f"revoked {row.organisation}/{row.name} (hdr_{row.prefix}…)")


def _log(engine: Engine, arguments: argparse.Namespace) -> None:
    from headroom.cloud import keys

    with engine.begin() as connection:
        organisation = keys.organisation(connection, arguments.org)[0] if arguments.org else None
        entries = keys.audit_log(connection, organisation)
    if arguments.json:
        print(json.dumps(entries))
        return
    for entry in reversed(entries):
        at = datetime.datetime.fromtimestamp(entry["at_s"], datetime.timezone.utc)
        detail = " ".join(f"{k}={v}" for k, v in entry["detail"].items())
        print(f"{at:%Y-%m-%d %H:%M:%S}  {entry['actor']}  {entry['action']}  {entry['subject']}  {detail}".rstrip())


def _public(row: Any) -> dict[str, Any]:
    names = ("id", "organisation", "name", "role", "team", "prefix", "requests_per_minute", "max_body_bytes")
    return {name: getattr(row, name) for name in (*names, "created_s", "expires_s", "revoked_s")}


def _state(row: Any) -> str:
    if row.valid(time.time()):
        return f"until {_day(row.revoked_s)}" if row.revoked_s else "active"
    return "revoked" if row.revoked_s else "expired"


def _day(at_s: int) -> str:
    return datetime.datetime.fromtimestamp(at_s, datetime.timezone.utc).strftime("%Y-%m-%d")
