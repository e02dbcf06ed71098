"""Which headroom this is, how its core was built, and which extras are installed."""

from __future__ import annotations

import platform
import re
import sys
import sysconfig
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from headroom import __version__, _core
from headroom.diagnosis import Finding

DISTRIBUTION = "headroom-ai"

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_AT_LEAST = re.compile(r">=\s*([0-9.]+)")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([\w-]+)['\"]")
_NOT_ON = re.compile(r"sys_platform\s*!=\s*['\"](\w+)['\"]")


def check_package() -> Finding:
    """Versions of the package, of Python and of the platform."""
    try:
        installed = metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        installed = None
    is_free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    has_gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    facts = {
        "version": __version__,
        "installed_version": installed,
        "folder": str(Path(_core.__file__ or "").parent),
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "machine": platform.machine(),
        "free_threaded": is_free_threaded,
        "gil": has_gil,
    }
    threads = "" if not is_free_threaded else f", free-threaded, GIL {'on' if has_gil else 'off'}"
    said = f"{__version__} on {facts['implementation']} {facts['python']}{threads}, {facts['platform']}"
    if installed is not None and installed != __version__:
        return Finding(
            "headroom",
            "error",
            f"the package is {installed}, but its core is {__version__}",
            "install again: pip install --force-reinstall headroom-ai",
            facts,
        )
    return Finding("headroom", "ok", said, "", facts)


def check_core() -> Finding:
    """How the native module was built."""
    profile, target, encodings = _core.build_info()
    file = Path(_core.__file__ or "")
    abi = "abi3" if ".abi3." in file.name else (file.name.split(".")[1] if file.name.count(".") > 1 else "unknown")
    facts = {"profile": profile, "target": target, "abi": abi, "encodings": encodings, "file": str(file)}
    said = f"{profile} build for {target}, {abi}; counts exactly: {', '.join(encodings)}"
    if profile != "release":
        return Finding("core", "warning", said, "build with --release: this one is many times slower", facts)
    return Finding("core", "ok", said, "", facts)


def check_extras() -> list[Finding]:
    """Which packages of which extra are installed, in which version."""
    try:
        requires = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        said = "not known: headroom runs from a folder that was not installed"
        return [Finding("extras", "note", said, "pip install headroom-ai")]
    findings = []
    for extra, lines in _by_extra(requires).items():
        found: dict[str, str | None] = {}
        old = []
        for line in lines:
            name = _name(line)
            found[name] = version = _installed(name)
            lowest = _AT_LEAST.search(line)
            if version and lowest and _numbers(version) < _numbers(lowest.group(1)):
                old.append(f"{name} {version} (needs {lowest.group(1)})")
        missing = [name for name, version in found.items() if version is None]
        command = f"pip install 'headroom-ai[{extra}]'"
        shown = ", ".join(f"{name} {version}" for name, version in found.items() if version)
        if old:
            findings.append(Finding(f"extra {extra}", "warning", f"too old: {', '.join(old)}", command, dict(found)))
        elif missing:
            said = f"not installed: {', '.join(missing)}" + (f" (installed: {shown})" if shown else "")
            findings.append(Finding(f"extra {extra}", "note", said, command, dict(found)))
        else:
            findings.append(Finding(f"extra {extra}", "ok", shown, "", dict(found)))
    return findings


def _by_extra(requires: Iterable[str]) -> dict[str, list[str]]:
    """Requirements by extra, as this platform needs them. Nothing here needs a parser of all of PEP 508."""
    by_extra: dict[str, list[str]] = {}
    for line in requires:
        extra, not_on = _EXTRA.search(line), _NOT_ON.search(line)
        if extra and not (not_on and not_on.group(1) == sys.platform):
            by_extra.setdefault(extra.group(1), []).append(line.split(";")[0])
    return by_extra


def _name(requirement: str) -> str:
    match = _NAME.match(requirement)
    return match.group() if match else requirement


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:4])
