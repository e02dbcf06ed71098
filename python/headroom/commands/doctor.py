"""`headroom doctor`: how headroom is installed and set up here, and whether it works."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict

from headroom import __version__
from headroom.commands import terminal
from headroom.diagnosis import Finding

LABELS = {"ok": ("ok", "32"), "note": ("-", "2"), "warning": ("warn", "33"), "error": ("FAIL", "1;31")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `headroom doctor`."""
    parser.description = (
        "Tells versions, extras, settings, store and service, compresses a built-in text, and makes calls through\n"
        "the LiteLLM that is installed to a server of its own on loopback, to see which are compressed.\n"
        "Keys and passwords are never shown."
    )
    parser.epilog = "exit codes: 0 all is well (warnings included), 1 something does not work, 2 wrong usage"
    parser.add_argument("--json", action="store_true", help="print everything as one JSON object")
    parser.add_argument("--offline", action="store_true", help="ask no store and no service on another machine")
    parser.add_argument(
        "--timeout", type=float, default=120.0, metavar="S", help="longest time one check may take (default: 120)"
    )
    terminal.add_color(parser)


def run(arguments: argparse.Namespace) -> int:
    """Looks, prints, and returns 1 if something does not work."""
    findings = []
    has_color = terminal.has_color(sys.stdout, arguments.color)
    for finding in diagnose(arguments.timeout, arguments.offline):
        findings.append(finding)
        if not arguments.json:
            # One by one: some checks take seconds.
            print_finding(finding, has_color)
    broken = [finding for finding in findings if finding.state == "error"]
    if arguments.json:
        shown = {"version": __version__, "ok": not broken, "findings": [asdict(finding) for finding in findings]}
        print(json.dumps(shown, ensure_ascii=False, indent=2))
    else:
        print(f"\n{len(broken)} of {len(findings)} checks failed" if broken else f"\nall {len(findings)} checks passed")
    return 1 if broken else 0


def diagnose(timeout_s: float, offline: bool) -> Iterator[Finding]:
    """All checks, quick ones first."""
    from headroom.diagnosis import environment, installation, works

    yield installation.check_package()
    yield installation.check_core()
    yield works.check_compression()
    yield from installation.check_extras()
    yield from environment.check_environment(os.environ)
    yield environment.check_store(os.environ, timeout_s, offline)
    yield environment.check_service(os.environ, timeout_s, offline)
    with terminal.progress("calling through LiteLLM"):
        calls = works.check_litellm(os.environ, timeout_s)
    yield from calls


def print_finding(finding: Finding, has_color: bool) -> None:
    """One line, and what to do about it below."""
    label, code = LABELS[finding.state]
    padded = f"{label:<4}"
    shown = f"\x1b[{code}m{padded}\x1b[0m" if has_color else padded
    print(f"{shown}  {finding.check:<28}  {finding.said}", flush=True)
    if finding.action and finding.state != "ok":
        print(f"{'':<36}→ {finding.action}", flush=True)
