"""`headroom serve`: the service (extra `cloud`). One option per setting, named and described once, in settings.py."""

from __future__ import annotations

import argparse

from headroom.commands import CommandError
from headroom.commands.service import load_settings, settings_fields


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
