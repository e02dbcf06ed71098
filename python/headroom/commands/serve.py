"""`headroom serve`: the service (extra `cloud`). One option per setting, named and described once, in settings.py."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from headroom.commands import CommandError

if TYPE_CHECKING:
    from headroom.cloud.settings import ServiceSettings

MISSING = "this command needs packages that are not installed; run: pip install 'headroom-ai[cloud]'"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """An option for every setting."""
    parser.description = (
        "Run the service. Without options: on loopback, with SQLite, without keys.\n"
        "Every option can be set in the environment too: HEADROOM_CLOUD_DATABASE and so on."
    )
    for name, field in settings_fields().items():
        flag = "--" + name.replace("_", "-")
        # Defaults stay with the settings, so that the environment counts where the option is not given.
        if field.annotation is bool:
            parser.add_argument(flag, action="store_true", default=None, help=field.description)
        else:
            default = field.default
            shown = "" if field.default_factory or default in (None, "") else f" (default: {default})"
            parser.add_argument(flag, default=None, metavar="X", help=f"{field.description}{shown}".replace("%", "%%"))


def run(arguments: argparse.Namespace) -> int:
    """`headroom serve`."""
    from headroom.cloud.serve import ServeProblem, serve

    try:
        return serve(load_settings(arguments))
    except ServeProblem as problem:
        raise CommandError(str(problem)) from problem


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
