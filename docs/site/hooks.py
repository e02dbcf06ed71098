"""What the site does beyond MkDocs: files of the repository that pages link to are pages, too.

docs/*.md link to examples, results and sources beside them (`../examples/demo.py`). A reader of the site has no
checkout, so each such file becomes a page under `repository/`, Markdown as it is and everything else as one block of
code, with its own links followed in the same way. A link to nothing stays as it is, and MkDocs reports it.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "repository"
IMAGES = {".svg", ".png"}
LANGUAGES = {".py": "python", ".rs": "rust", ".toml": "toml", ".yaml": "yaml", ".yml": "yaml", ".json": "json"}

FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
LINK = re.compile(r"(!?\[[^\]]*\]\()([^)\s]+)(\))")


def sources() -> dict[str, str]:
    """Every file of the repository that becomes part of the site: its path, and its path in the site."""
    found: dict[str, str] = {}
    waiting = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "docs").rglob("*.md"))]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found[path] = site_path(path)
        if path.endswith(".md"):
            text = (ROOT / path).read_text("utf-8")
            waiting += [target for link in links(text) if (target := target_of(path, link)) is not None]
    return found


def site_path(path: str) -> str:
    """Where a file of the repository is in the site's sources."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    if (ROOT / path).is_dir():
        return f"{PREFIX}/{path}/index.md"
    is_itself = path.endswith(".md") or PurePosixPath(path).suffix in IMAGES
    return f"{PREFIX}/{path}" if is_itself else f"{PREFIX}/{path}.md"


def links(text: str) -> list[str]:
    """Destinations of the links of a page, outside its blocks of code."""
    return [match[2] for line, is_code in lines(text) if not is_code for match in LINK.finditer(line)]


def lines(text: str) -> list[tuple[str, bool]]:
    """The lines, and whether each belongs to a block of code."""
    out: list[tuple[str, bool]] = []
    fence = ""
    for line in text.splitlines(keepends=True):
        match = FENCE.match(line)
        if fence:
            out.append((line, True))
            if match and match[1].startswith(fence) and line.strip() == match[1]:
                fence = ""
        else:
            fence = match[1] if match else ""
            out.append((line, bool(match)))
    return out


def target_of(path: str, link: str) -> str | None:
    """The file of the repository that a link on the page `path` leads to, or None."""
    if "://" in link or link.startswith(("#", "mailto:", "/")):
        return None
    name = posixpath.normpath(posixpath.join(posixpath.dirname(path), unquote(link.split("#")[0])))
    return name if not name.startswith("..") and (ROOT / name).exists() else None


def rewritten(path: str, text: str) -> str:
    """The page with its links as they are in the site."""
    here = posixpath.dirname(site_path(path))

    def replace(match: re.Match[str]) -> str:
        target = target_of(path, match[2])
        if target is None:
            return match[0]
        anchor = match[2].partition("#")[2]
        to = posixpath.relpath(site_path(target), here or ".")
        return match[1] + to + (f"#{anchor}" if anchor else "") + match[3]

    return "".join(line if is_code else LINK.sub(replace, line) for line, is_code in lines(text))


def page_of(path: str) -> str:
    """A file of the repository as a page."""
    at = ROOT / path
    if at.is_dir():
        names = sorted(child.name for child in at.iterdir() if not child.name.startswith((".", "__")))
        return f"# {path}\n\n" + "".join(f"- `{name}`\n" for name in names)
    text = at.read_text("utf-8")
    if path.endswith(".md"):
        return text
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"# {path}\n\n{fence}{LANGUAGES.get(at.suffix, 'text')}\n{text}\n{fence}\n"


def on_files(files: Files, *, config: Any) -> Files:
    """Adds the repository's files."""
    for path, to in sources().items():
        if path.startswith("docs/"):
            continue
        if PurePosixPath(path).suffix in IMAGES:
            files.append(File.generated(config, to, content=(ROOT / path).read_bytes()))
        else:
            files.append(File.generated(config, to, content=page_of(path)))
            # They are reached by the links to them.
            files.get_file_from_path(to).inclusion = files.get_file_from_path(to).inclusion.NOT_IN_NAV
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Files) -> str:
    """Puts the links right."""
    uri = page.file.src_uri
    path = f"docs/{uri}" if not uri.startswith(f"{PREFIX}/") else uri.removeprefix(f"{PREFIX}/")
    if path.endswith("/index.md") and not (ROOT / path).exists():
        return markdown
    return rewritten(path, markdown) if (ROOT / path).exists() else markdown


def on_config(config: Any) -> Any:
    """The shim that lets the search run from the disk: ours, where the plugin would have the reader fetch one."""
    config.extra["polyfills"] = ["site/worker.js"]
    return config
