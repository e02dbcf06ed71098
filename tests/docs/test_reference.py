"""The reference says what the code says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from blocks import ROOT

DOCS = ROOT / "docs"
PACKAGE = ROOT / "python" / "headroom"


@pytest.fixture(scope="module")
def options() -> ModuleType:
    pytest.importorskip("litellm")
    spec = importlib.util.spec_from_file_location("options", DOCS / "site" / "options.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["OPTIONS", "OPERATIONS"])
def test_what_is_written_from_the_code_is_current(options: ModuleType, name: str) -> None:
    path: Path = getattr(options, name)
    assert options.PAGES[path]() == path.read_text("utf-8"), "`make options` writes it anew; read what has changed"


def test_every_variable_is_named() -> None:
    named = (DOCS / "options.md").read_text("utf-8")
    for path in PACKAGE.rglob("*.py"):
        for variable in re.findall(r"[\"'`](HEADROOM_[A-Z_]+[A-Z])[\"'`]", path.read_text("utf-8")):
            if not variable.startswith("HEADROOM_CLOUD"):
                assert f"`{variable}`" in named, f"{variable} in {path.name}"


def test_every_header_is_named(options: ModuleType) -> None:
    named = {name.split(":")[0].lower() for name, _, _ in options.HEADERS}
    found = set()
    for path in PACKAGE.rglob("*.py"):
        found |= set(re.findall(r"b?[\"'](x-headroom-[a-z-]+[a-z])[\"']", path.read_text("utf-8").lower()))
    assert {name.replace("-before", "-saved").replace("-after", "-saved") for name in found} <= named


def test_operations_name_every_event_and_no_other_metric() -> None:
    page = (DOCS / "operations.md").read_text("utf-8")
    for path in (PACKAGE / "cloud").rglob("*.py"):
        for event in re.findall(r"logs\.event\(\s*\"([^\"]+)\"", path.read_text("utf-8")):
            assert f"`{event}`" in page, f"{event} in {path.name}"
    table = page.split("<!-- metrics -->")[1].split("<!-- /metrics -->")[0]
    metrics = set(re.findall(r"^\| `(\w+)`", table, re.M))
    for name in re.findall(r"\bheadroom_\w+", page.replace(table, "")):
        assert re.sub(r"_(bucket|count|sum)$", "", name) in metrics, name


def test_every_public_name_is_described_somewhere() -> None:
    import headroom

    text = "".join(path.read_text("utf-8") for path in sorted(DOCS.glob("*.md")))
    for name in headroom.__all__:
        assert re.search(rf"\b{name}\b", text), name


def test_levels_name_every_kind() -> None:
    page = (DOCS / "levels.md").read_text("utf-8")
    for kind in re.findall(r"&(\w+)::\w+,", (ROOT / "src" / "kinds" / "mod.rs").read_text("utf-8")):
        assert f"**{kind}**" in page, kind


def test_figures_are_those_of_the_newest_measurement() -> None:
    quality = (DOCS / "quality.md").read_text("utf-8")
    share = r"\*\*([\d.]+) %\*\*"
    claim = rf"On (\d+) cases of real text the default level removes {share} of the tokens and keeps\s+{share}"
    measured = re.search(claim, quality)
    assert measured is not None
    shown = re.search(claim.replace("On", "on"), (ROOT / "README.md").read_text("utf-8"))
    assert shown is not None
    assert shown.groups() == measured.groups()
    newest = max((ROOT / "benches" / "results").glob("*.md")).name
    for page in ("README.md", "docs/limits.md"):
        assert set(re.findall(r"results/([\d-]+\.md)", (ROOT / page).read_text("utf-8"))) == {newest}, page
