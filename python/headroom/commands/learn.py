"""`headroom learn`: a policy from recorded conversations, for `HEADROOM_POLICY`, `policy=` or the service."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from headroom import HeadroomError
from headroom.commands import CommandError, reading
from headroom.learning import policy
from headroom.learning.learner import Learner
from headroom.learning.policy import Field, Verdict
from headroom.learning.signals import Hidden

MAX_PATH_CHARS = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `headroom learn`."""
    parser.description = (
        "Counts which fields of the JSON outputs of tools agents go on to use, and writes a policy that leaves out\n"
        "those that they do not. Nothing of the conversations but names of tools and fields is written."
    )
    parser.epilog = (
        "examples:\n"
        "  headroom learn conversations.jsonl --policy policy.json\n"
        "  HEADROOM_POLICY=policy.json headroom compress request.json\n\n"
        "exit codes: 0 done (also if nothing can be dropped), 1 the input cannot be used, 2 wrong usage"
    )
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="one JSON request or list of messages per line; - is standard input"
    )
    parser.add_argument("--policy", default=None, metavar="OUT", help="write the policy there (- is standard output)")
    parser.add_argument(
        "--applied", default=None, metavar="POLICY", help="the policy that was applied while they were recorded"
    )
    parser.add_argument("--all", action="store_true", help="show the fields that are kept, too")


def run(arguments: argparse.Namespace) -> int:
    """Reads, counts, writes."""
    hidden = _read_policy(arguments.applied) if arguments.applied else None
    learner = Learner()
    lines = 0
    for messages in _conversations(arguments.files):
        learner.add(messages, hidden)
        lines += 1
    document = learner.policy()
    if arguments.policy != "-":
        _print_table(learner.judged(), arguments.all)
        print(f"{learner.conversations:,} conversations with JSON outputs and a turn after them, in {lines:,} lines")
    if arguments.policy:
        reading.write_output(json.dumps(document, ensure_ascii=False, indent=1) + "\n", arguments.policy)
    return 0


def _conversations(names: list[str]) -> Iterator[list[Any]]:
    for name in names:
        for number, line in enumerate(reading.read_input(name).split("\n"), 1):
            if not line.strip():
                continue
            request = reading.as_request(line)
            if request is None:
                raise CommandError(
                    f"line {number} of {name} is no JSON request (an object with messages or input) and no list of "
                    "messages; one conversation must stand on one line"
                )
            yield reading.messages_of(request) if isinstance(request, dict) else request


def _read_policy(name: str) -> Hidden:
    try:
        return policy.dropped(policy.check(json.loads(reading.read_input(name))))
    except ValueError as error:
        reason = str(error) if isinstance(error, HeadroomError) else "it is not JSON"
        raise CommandError(f"{name} cannot be used: {reason}") from error


def _print_table(judged: list[tuple[Field, Verdict]], everything: bool) -> None:
    """Per tool and structure, what is dropped and on what evidence."""
    before: tuple[str, str] | None = None
    for field, verdict in judged:
        if (field.tool, field.structure) != before:
            before = (field.tool, field.structure)
            mine = [v for f, v in judged if (f.tool, f.structure) == before]
            count = max(round(v.evidence.present) for v in mine)
            dropped = sum(v.is_dropped for v in mine)
            print(
                f"{field.tool} {field.structure}: {count:,} conversations, {dropped} of {len(mine)} fields are dropped"
            )
        if verdict.is_dropped or everything:
            path = field.path if len(field.path) <= MAX_PATH_CHARS else "…" + field.path[-MAX_PATH_CHARS + 1 :]
            print(f"  {verdict.state:<8} {path:<{MAX_PATH_CHARS}} {verdict.why}")
