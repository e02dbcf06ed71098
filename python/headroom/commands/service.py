"""What the commands of the service share: its settings from options and environment, and its database."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from headroom.commands import CommandError

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from headroom.cloud.settings import ServiceSettings

MISSING = "this command needs packages that are not installed; run: pip install 'headroom-ai[cloud]'"


def settings_fields() -> dict[str, Any]:
    """The settings' fields by name.

    Raises:
        CommandError: the extra is not installed.
    """
    try:
        from headroom.cloud.settings import ServiceSettings
    except ImportError as error:
        raise CommandError(MISSING) from error
    return dict(ServiceSettings.model_fields)


def load_settings(arguments: argparse.Namespace) -> ServiceSettings:
    """The settings: what was given, else the environment's, else the defaults.

    Raises:
        CommandError: a value that is not allowed; the message never shows it, since it may hold a password.
    """
    fields = settings_fields()
    from pydantic import ValidationError

    from headroom.cloud.settings import ServiceSettings

    given = {name: value for name, value in vars(arguments).items() if name in fields and value is not None}
    try:
        return ServiceSettings(**given)
    except ValidationError as error:
        found = "; ".join(f"--{str(e['loc'][0]).replace('_', '-')}: {e['msg']}" for e in error.errors() if e["loc"])
        raise CommandError(f"{found} (see `headroom serve --help`)") from error


def add_database(parser: argparse.ArgumentParser) -> None:
    """Which database."""
    parser.add_argument("--database", default=None, help="as for `headroom serve` (or HEADROOM_CLOUD_DATABASE)")
    parser.add_argument("--data-dir", default=None, help="as for `headroom serve`")


@contextlib.contextmanager
def open_database(arguments: argparse.Namespace) -> Iterator[Engine]:
    """The database, at the right revision.

    Raises:
        CommandError: it cannot be used, or the extra is not installed.
    """
    settings = load_settings(arguments)
    try:
        import sqlalchemy as sa

        from headroom.cloud.database import make_engine, migrate
    except ImportError as error:
        raise CommandError(MISSING) from error
    try:
        engine = make_engine(settings.database_url)
        try:
            migrate(engine)
            yield engine
        finally:
            engine.dispose()
    except (sa.exc.SQLAlchemyError, OSError) as error:
        raise CommandError(
            f"the database cannot be used ({type(error).__name__}); check that it runs, and --database"
        ) from error
