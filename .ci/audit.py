"""Asks the advisory databases about what the package and its service are made of: `make audit`.

Python: the extras of pyproject.toml and all they need, in the versions installed here, by pip-audit (PyPI's
advisories; for what PyPI does not answer, OSV). Rust: Cargo.lock, by cargo-audit (RustSec), where that is installed.
Our own package is not asked about.

What could not be looked up is named, with the reason: silence is not a clean result.
Exit codes: 0 nothing found, 1 a vulnerability was found, 2 (only with --strict) something could not be asked.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

try:
    import tomllib
except ImportError:  # Python 3.10; pip-audit brings it
    import tomli as tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
SOCKET_TIMEOUT_S = 8


def installed(requirements: list[str]) -> tuple[dict[str, str], list[str]]:
    """Versions of these and of all they need, as installed here; and which of these are not installed."""
    found: dict[str, str] = {}
    missing: list[str] = []
    waiting = [(Requirement(line), True) for line in requirements]
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement, direct = waiting.pop()
        name = canonicalize_name(requirement.name)
        extras = ["", *sorted(requirement.extras)]
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            distribution = metadata.distribution(requirement.name)
        except metadata.PackageNotFoundError:
            if direct:
                missing.append(name)
            continue
        found[name] = distribution.version
        for extra in extras:
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            for line in distribution.requires or ():
                needed = Requirement(line)
                if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                    needed.marker = None
                    waiting.append((needed, False))
    return found, sorted(missing)


def run(command: list[str], limit_s: float) -> tuple[dict[str, Any] | None, str]:
    """A program's JSON, or None and why there is none."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=max(1.0, limit_s), cwd=ROOT)
    except FileNotFoundError:
        return None, f"{command[0]} is not installed"
    except subprocess.TimeoutExpired:
        return None, "no answer in time"
    try:
        return json.loads(done.stdout), ""
    except ValueError:
        lines = done.stderr.strip().splitlines() or ["no output"]
        return None, lines[-1][:200]


def audit_python(
    versions: dict[str, str], limit_s: float, services: list[str], osv_url: str | None
) -> tuple[list[str], dict[str, str]]:
    """What was found, and why each dependency that was not looked up was not."""
    found: list[str] = []
    unasked = dict.fromkeys(versions, "not asked yet")
    end = time.monotonic() + limit_s
    # The whole time is shared: one that hangs must not keep the other from being asked.
    for left, service in zip(range(len(services), 0, -1), services, strict=True):
        if not unasked:
            break
        more = ["--osv-url", osv_url] if osv_url else []
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("".join(f"{name}=={versions[name]}\n" for name in sorted(unasked)))
            file.flush()
            command = [
                sys.executable, "-m", "pip_audit", "-r", file.name, "--no-deps", "--disable-pip", "-f", "json",
                "--desc", "off", "--progress-spinner", "off", "--timeout", str(SOCKET_TIMEOUT_S), "-s", service, *more,
            ]  # fmt: skip
            answer, why = run(command, (end - time.monotonic()) / left)
        if answer is None:
            unasked = dict.fromkeys(unasked, f"{service}: {why}")
            continue
        for dependency in answer["dependencies"]:
            name = canonicalize_name(dependency["name"])
            if "skip_reason" in dependency:
                unasked[name] = f"{service}: {dependency['skip_reason'][:200]}"
                continue
            unasked.pop(name, None)
            for one in dependency["vulns"]:
                fixed = ", ".join(one["fix_versions"]) or "no release"
                found.append(f"{name} {dependency['version']}: {one['id']}, fixed in {fixed}")
    return found, unasked


def audit_rust(limit_s: float) -> tuple[list[str], str | None]:
    """What was found, and why nothing was asked."""
    if shutil.which("cargo-audit") is None:
        return [], "cargo-audit is not installed (cargo install --locked cargo-audit)"
    answer, why = run(["cargo", "audit", "--json"], limit_s)
    if answer is None:
        return [], why
    return [
        f"{one['package']['name']} {one['package']['version']}: {one['advisory']['id']}, fixed in "
        f"{', '.join(one['versions']['patched']) or 'no release'}"
        for one in answer["vulnerabilities"]["list"]
    ], None


def main(words: list[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description="asks the advisory databases about all dependencies")
    parser.add_argument("--limit-s", type=float, default=120.0, help="time for each of Python and Rust")
    parser.add_argument("--strict", action="store_true", help="exit code 2 if something could not be asked")
    parser.add_argument("--service", action="append", help="pypi or osv; default: first pypi, then osv")
    parser.add_argument("--osv-url", help="another OSV service, such as a mirror")
    parser.add_argument("--requirement", action="append", help="these instead of pyproject.toml's; without Rust")
    given = parser.parse_args(words)

    requirements = given.requirement
    if not requirements:
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        # LiteLLM is the user's own, in the user's version.
        requirements = [line for extra, lines in extras.items() if extra != "litellm" for line in lines]
    versions, missing = installed(requirements)
    found, unasked = audit_python(versions, given.limit_s, given.service or ["pypi", "osv"], given.osv_url)
    print(f"Python: {len(versions) - len(unasked)} of {len(versions)} dependencies looked up, {len(found)} found")
    by_reason: dict[str, list[str]] = {}
    for name, why in unasked.items():
        by_reason.setdefault(why.replace(f"{name} ({versions[name]})", "(name)"), []).append(name)
    for why, names in by_reason.items():
        print(f"  NOT ASKED: {', '.join(sorted(names))}\n    {why}")
    if missing:
        print(f"  NOT ASKED, not installed here: {', '.join(missing)}")
    complete = not unasked and not missing

    if not given.requirement:
        in_rust, why_not = audit_rust(given.limit_s)
        print(f"Rust: {f'NOT ASKED: {why_not}' if why_not else f'Cargo.lock looked up, {len(in_rust)} found'}")
        complete = complete and why_not is None
        found += in_rust
    for line in found:
        print(f"VULNERABLE {line}")
    if found:
        return 1
    if not complete:
        print("Nothing was found, but not everything could be asked.")
    return 2 if given.strict and not complete else 0


if __name__ == "__main__":
    sys.exit(main())
