"""The subcommands of `headroom`, one module each; `headroom.cli` lists them and says what a module must have."""


class CommandError(Exception):
    """What was asked for cannot be done; the message says what was given and what to do. Exit code 1."""
