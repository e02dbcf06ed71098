"""`headroom migrate`: brings the database to a revision, as `headroom serve` does by itself (extra `cloud`)."""

from __future__ import annotations

import argparse

from headroom.commands import CommandError
from headroom.commands.service import MISSING, add_database, load_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to."""
    parser.add_argument(
        "--to", default="head", metavar="REVISION", help='revision; "base" drops all tables (default: head)'
    )
    parser.add_argument("--yes", action="store_true", help="do not ask before going down, which deletes data")
    add_database(parser)


def run(arguments: argparse.Namespace) -> int:
    """`headroom migrate`."""
    settings = load_settings(arguments)
    try:
        import sqlalchemy as sa
        from alembic.script import ScriptDirectory
        from alembic.util import CommandError as AlembicError

        from headroom.cloud.database import alembic_config, make_engine, migrate, revision
    except ImportError as error:
        raise CommandError(MISSING) from error
    known = [r.revision for r in ScriptDirectory.from_config(alembic_config()).walk_revisions()]
    if arguments.to not in ("head", "base", *known):
        raise CommandError(f"there is no revision {arguments.to[:20]!r}; allowed: head, base, {', '.join(known)}")
    try:
        engine = make_engine(settings.database_url)
        have = revision(engine)
        ups = ["base", *reversed(known)]
        wanted = known[0] if arguments.to == "head" else arguments.to
        if have in ups and ups.index(wanted) < ups.index(have) and not arguments.yes:
            raise CommandError(f"going from {have} down to {wanted} deletes data; add --yes if that is meant")
        before, after = migrate(engine, arguments.to)
        engine.dispose()
    except (sa.exc.SQLAlchemyError, AlembicError, OSError) as error:
        raise CommandError(f"the database cannot be used ({type(error).__name__}); check that it runs") from error
    print(f"{before or 'empty'} -> {after or 'empty'}")
    return 0
