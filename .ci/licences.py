"""Lists the licences of all dependencies, and fails on one that is not permissive: `make licences`.

Rust: what is linked into the library and what only builds or tests it, from `cargo metadata`. Python: the extras of
pyproject.toml and all they need, as installed here. `--write FILE` puts the tables into a document, between
`<!-- licences -->` and `<!-- /licences -->`.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from audit import installed, tomllib

ROOT = Path(__file__).resolve().parents[1]
PERMISSIVE = {
    "0BSD",
    "Apache-2.0",
    "BSD",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MIT-CMU",
    "MPL-2.0",
    "PSF-2.0",
    "Python-2.0",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Zlib",
    "Apache-2.0 WITH LLVM-exception",
}
ACCEPTED = {
    # Linked at run time by whoever installs the extra, unmodified; we ship no byte of them.
    "psycopg": "LGPL-3.0-only",
    "psycopg-binary": "LGPL-3.0-only",
}
SAME = {
    "Apache Software License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "BSD License": "BSD",
    "BSD 3-Clause": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD-3-Clause License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
}
"""Names as packages write them."""


def is_permissive(expression: str) -> bool:
    """Whether a licence expression leaves a choice that is permissive: one side of an OR, all of an AND."""
    expression = expression.strip()
    while expression.startswith("(") and _closes_at_end(expression):
        expression = expression[1:-1].strip()
    for operator, agree in ((" OR ", any), ("/", any), (" AND ", all)):
        if len(parts := _split(expression, operator)) > 1:
            return agree(map(is_permissive, parts))
    return expression in PERMISSIVE


def _closes_at_end(expression: str) -> bool:
    depth = 0
    for at, char in enumerate(expression):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return at == len(expression) - 1
    return False


def _split(expression: str, operator: str) -> list[str]:
    """The parts between operators that stand outside brackets."""
    parts, depth, start = [], 0, 0
    for at, char in enumerate(expression):
        depth += (char == "(") - (char == ")")
        if depth == 0 and expression.startswith(operator, at):
            parts.append(expression[start:at])
            start = at + len(operator)
    return [*parts, expression[start:]]


def rust() -> dict[str, dict[str, str]]:
    """Licences by crate, of what is linked into the library and of all else."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--features", "python"]
    found = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    packages = {package["id"]: package for package in found["packages"]}
    nodes = {node["id"]: node for node in found["resolve"]["nodes"]}
    linked, waiting = set(), [found["resolve"]["root"]]
    while waiting:
        one = waiting.pop()
        if one in linked:
            continue
        linked.add(one)
        for needed in nodes[one]["deps"]:
            kinds = {kind["kind"] for kind in needed["dep_kinds"]}
            is_macro = any("proc-macro" in target["kind"] for target in packages[needed["pkg"]]["targets"])
            if None in kinds and not is_macro:
                waiting.append(needed["pkg"])
    tables: dict[str, dict[str, str]] = {"linked into the wheel": {}, "builds or tests it": {}}
    for key, package in packages.items():
        if key != found["resolve"]["root"]:
            name = "linked into the wheel" if key in linked else "builds or tests it"
            tables[name][f"{package['name']} {package['version']}"] = package["license"] or "unknown"
    return tables


def python() -> dict[str, str]:
    """Licences by distribution, of the extras (but for LiteLLM, which is the user's own) and all they need."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    lines = [line for extra, lines in extras.items() if extra != "litellm" for line in lines]
    versions, missing = installed(lines)
    for name in missing:
        print(f"NOT LOOKED AT, not installed here: {name}")
    return {f"{name} {version}": licence_of(name) for name, version in sorted(versions.items())}


def licence_of(name: str) -> str:
    """What a distribution says of its licence, as an SPDX expression where it can be read as one."""
    about = metadata.metadata(name)
    if expression := about["License-Expression"]:
        return expression
    named = [c.rsplit(" :: ", 1)[1] for c in about.get_all("Classifier") or [] if c.startswith("License :: ")]
    named = [one for one in named if one != "OSI Approved"]
    if not named:
        first = (about["License"] or "unknown").strip().splitlines()[0]
        named = [first]
    return " OR ".join(SAME.get(one, one) for one in named)


def table(licences: dict[str, str]) -> list[str]:
    """Rows of a table: licence, how many, which."""
    by_licence: dict[str, list[str]] = {}
    for name, licence in licences.items():
        by_licence.setdefault(licence, []).append(name)
    rows = sorted(by_licence.items(), key=lambda row: (-len(row[1]), row[0]))
    return [
        "| licence | | |",
        "|---|---|---|",
        *(f"| {row} | {len(names)} | {', '.join(sorted(names))} |" for row, names in rows),
    ]


def main(words: list[str] | None = None) -> int:
    """The exit code: 1 if a licence is not permissive."""
    parser = argparse.ArgumentParser(description="lists the licences of all dependencies")
    parser.add_argument("--quiet", action="store_true", help="print only what is not permissive")
    parser.add_argument("--write", type=Path, help="put the tables into this document")
    given = parser.parse_args(words)
    tables = {**{f"Rust, {where}": found for where, found in rust().items()}, "Python, the extras": python()}
    lines: list[str] = []
    for title, found in tables.items():
        lines += [f"**{title}** ({len(found)})", "", *table(found), ""]
    text = "\n".join(lines)
    if not given.quiet:
        print(text)
    if given.write:
        document = given.write.read_text()
        put = f"<!-- licences -->\n{text}<!-- /licences -->"
        given.write.write_text(re.sub(r"<!-- licences -->.*?<!-- /licences -->", lambda _: put, document, flags=re.S))
    bad = [
        f"{name}: {licence}"
        for found in tables.values()
        for name, licence in found.items()
        if not is_permissive(licence) and ACCEPTED.get(name.split()[0]) != licence
    ]
    for line in bad:
        print(f"NOT PERMISSIVE {line}")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
