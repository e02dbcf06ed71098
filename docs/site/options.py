"""Writes docs/options.md, and the table of metrics in docs/operations.md, from the code: `make options`.

Names and defaults are those of the code, and what each means is what its docstring or its help says: nothing is
written twice. tests/docs/test_site.py says when the pages are stale.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = ROOT / "docs" / "options.md"
OPERATIONS = ROOT / "docs" / "operations.md"

VARIABLES = {
    "HEADROOM_STORE": "where originals go and come from: the URL of a [store](retrieval.md#stores)",
    "HEADROOM_STORE_SECRET": "keys the hashes of originals; all who share a store share it",
    "HEADROOM_API_KEY": "key of a Headroom service, for callback and middleware",
    "HEADROOM_API_URL": "the service, for callback and middleware",
    "NO_COLOR": "commands print no colours",
    "LITELLM_LOCAL_MODEL_COST_MAP": "LiteLLM's own: `True` keeps it from fetching its price table when it is imported",
}
"""Those that are no setting of an integration or of the service."""

HEADERS = [
    ("x-headroom-bypass: true", "request", "this request is left alone (middleware, LiteLLM proxy, service)"),
    ("x-headroom-compressed: true", "response", "the request was compressed (middleware, LiteLLM proxy)"),
    (
        "x-headroom-tokens-saved",
        "response",
        "tokens removed; `-before` and `-after` instead of `-saved`: the totals",
    ),
    (
        "x-headroom-fallbacks",
        "request",
        "requests that a client compressed itself since its last one, because the service did not answer",
    ),
    ("X-Headroom-Key", "request", "key for the service, in place of `Authorization: Bearer`"),
]


def described(documentation: str, section: str) -> dict[str, str]:
    """What a docstring's section `Args:` or `Attributes:` says of each name, in one line."""
    text = inspect.cleandoc(documentation).split(f"{section}:\n", 1)[1]
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line and not line.startswith(" "):
            break
        if match := re.fullmatch(r" {4}(\w+): (.*)", line):
            name = match[1]
            found[name] = match[2]
        elif name and line.strip():
            found[name] += " " + line.strip()
    return found


def shown(value: Any) -> str:
    """A default."""
    if value is inspect.Parameter.empty or value is dataclasses.MISSING:
        return "required"
    if isinstance(value, bool):
        return f"`{value}`"
    return f"`{value:_}`" if isinstance(value, int) and value >= 10_000 else f"`{value!r}`"


def table(head: str, rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    names = head.split(" | ")
    lines = [f"| {head} |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(column.replace("|", "\\|") for column in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def parameters(function: Any, documentation: str) -> str:
    """The parameters of a function or class."""
    about = {"config_fields": "fields of [`CompressConfig`](#compressconfig) as keywords; they win"}
    about |= described(documentation, "Args")
    rows = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            rows.append((f"`**{name}`", "–", about[name]))
        else:
            rows.append((f"`{name}`", shown(parameter.default), about[name]))
    return table("argument | default | meaning", rows)


def fields(kind: type) -> str:
    """The fields of a dataclass, and its public properties."""
    about = described(kind.__doc__ or "", "Attributes")
    rows = []
    for one in dataclasses.fields(kind):
        if one.name.startswith("_"):
            continue
        default = one.default if one.default_factory is dataclasses.MISSING else one.default_factory()
        rows.append((f"`{one.name}`", shown(default), about[one.name]))
    return table("field | default | meaning", rows)


def result() -> str:
    """What a result has: fields, properties and methods."""
    from headroom import CompressResult

    about = described(CompressResult.__doc__ or "", "Attributes")
    rows = [(f"`{one.name}`", about[one.name]) for one in dataclasses.fields(CompressResult) if one.name in about]
    for name, member in vars(CompressResult).items():
        if name.startswith("_") or name in about or not member.__doc__:
            continue
        call = "()" if inspect.isfunction(member) else ""
        rows.append((f"`{name}{call}`", member.__doc__.strip().splitlines()[0]))
    return table("name | meaning", rows)


def parts() -> str:
    """The classes that a result is made of."""
    import headroom

    out = ""
    for kind in (headroom.Decision, headroom.Block, headroom.Omitted, headroom.Origin):
        about = described(kind.__doc__ or "", "Attributes")
        first = inspect.cleandoc(kind.__doc__ or "").splitlines()[0]
        out += f"**`{kind.__name__}`**: {first}\n\n"
        out += table("field | meaning", [(f"`{name}`", text) for name, text in about.items()]) + "\n"
    return out


def errors() -> str:
    """The errors a program may meet."""
    import headroom

    kinds = [kind for name in headroom.__all__ if inspect.isclass(kind := getattr(headroom, name))]
    found = sorted((k for k in kinds if issubclass(k, Exception)), key=lambda k: (len(k.__mro__), k.__name__))
    rows = [
        (f"`{k.__name__}`", f"`{k.__base__.__name__}`", inspect.cleandoc(k.__doc__ or "").replace("\n", " "))
        for k in found
        if k.__base__ is not None
    ]
    return table("error | is a | raised when", rows)


def commands() -> str:
    """Every command of the command line, with its options."""
    from headroom.cli import COMMANDS, build_parser

    out = ""
    for command in COMMANDS:
        parser = _subparser(build_parser(command.name), command.name)
        out += f"### `headroom {command.name}`\n\n{command.help[0].upper()}{command.help[1:]}.\n\n"
        if command.name == "serve":
            out += "An option for each [setting of the service](service.md#settings): `--max-body-bytes` for\n"
            out += "`max_body_bytes`.\n\n"
            continue
        actions = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
        if not actions:
            out += _options(parser) + "\n"
            continue
        helps = {choice.dest: choice.help or "" for choice in actions[0]._choices_actions}
        for name, one in actions[0].choices.items():
            out += f"**`headroom {command.name} {name}`**: {helps[name]}.\n\n{_options(one)}\n"
    return out


def _subparser(parser: argparse.ArgumentParser, name: str) -> argparse.ArgumentParser:
    action = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    found: argparse.ArgumentParser = action.choices[name]
    return found


def _options(parser: argparse.ArgumentParser) -> str:
    rows = []
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        names = ", ".join(f"`{name}`" for name in action.option_strings) or f"`{action.metavar or action.dest}`"
        choices = f" ({', '.join(f'`{choice}`' for choice in action.choices)})" if action.choices else ""
        text = (action.help or "") % {"default": action.default, "prog": "headroom"}
        rows.append((names, text + choices + (" (required)" if action.required and action.option_strings else "")))
    return table("option | meaning", rows)


def named_settings() -> str:
    """Settings of a callback that a proxy's YAML names: in the YAML and in the environment."""
    from headroom.integrations import settings

    rows = [(f"`{name}`", f"`HEADROOM_{name.upper()}`") for name in settings._READERS]
    return table("in `callback_settings: {headroom: …}` | variable", rows)


def options_page() -> str:
    """docs/options.md."""
    from headroom import CompressConfig, compress
    from headroom.integrations.asgi import CompressionMiddleware
    from headroom.integrations.litellm_callback import HeadroomCallback
    from headroom.stores import open_store

    variables = table("variable | meaning", [(f"`{name}`", text) for name, text in VARIABLES.items()])
    headers = table("header | in | meaning", [(f"`{name}`", where, text) for name, where, text in HEADERS])
    return f"""# Every option

Written by `make options` from the code: its signatures, its docstrings, the help of its commands.

## `compress()`

{parameters(compress, compress.__doc__ or "")}
## `CompressConfig`

The options of a compression, also as keywords of `compress()`, of the callback and of the middleware.

{fields(CompressConfig)}
## `CompressResult`

{result()}
{parts()}## Functions

`expand(text)` decodes every block of a text that was re-encoded. `count_tokens(text, model)` counts as the model does.
`retrieve(hash)` and `aretrieve(hash)` fetch an original: [retrieval](retrieval.md). `headroom.__version__` is the
version.

## Errors

{errors()}
## `HeadroomCallback`

`from headroom.integrations.litellm_callback import HeadroomCallback`; see [LiteLLM](litellm.md).

{parameters(HeadroomCallback, HeadroomCallback.__doc__ or "")}
In a proxy the callback is named, not constructed. Then its settings come from the proxy's YAML, and from variables
where the YAML has none:

{named_settings()}
## `CompressionMiddleware`

`from headroom.integrations.asgi import CompressionMiddleware`; see [ASGI](asgi.md).

{parameters(CompressionMiddleware, CompressionMiddleware.__doc__ or "")}
## Stores

`headroom.stores.open_store(url, **options)`; which option is for which store is in
[retrieval](retrieval.md#stores).

{parameters(open_store, open_store.__doc__ or "")}
## Environment

A callback that a program constructs reads only the first four; the settings in the table above are for a proxy.

{variables}
The service reads `HEADROOM_CLOUD_…`, one variable for [each setting](service.md#settings), and OpenTelemetry's own
variables ([traces](service.md#traces)).

## Headers

{headers}
## Command line

Exit codes: 0 done, 1 the input could not be used, 2 wrong usage, 130 interrupted.

{commands()}"""


def metrics() -> str:
    """The metrics of the service."""
    from headroom.cloud import metrics as module

    rows = []
    for metric in vars(module).values():
        if type(metric).__module__.startswith("prometheus_client.metrics"):
            kind = type(metric).__name__.lower()
            name = metric._name + ("_total" if kind == "counter" else "")
            rows.append((f"`{name}`", kind, ", ".join(metric._labelnames) or "–", metric._documentation))
    return table("metric | type | labels | meaning", rows)


def operations_page() -> str:
    """docs/operations.md with its table renewed."""
    text = OPERATIONS.read_text("utf-8")
    return re.sub(
        r"(<!-- metrics -->\n).*?(<!-- /metrics -->)", lambda m: m[1] + metrics() + m[2], text, flags=re.DOTALL
    )


PAGES = {OPTIONS: options_page, OPERATIONS: operations_page}


if __name__ == "__main__":
    for path, make in PAGES.items():
        path.write_text(make(), "utf-8")
        print(path.relative_to(ROOT), file=sys.stderr)
