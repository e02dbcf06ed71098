"""Builds and checks what a release consists of: `make dist`. Prints a table; exit code 1 if a check fails.

- Wheels for Linux against an old glibc (zig is the linker), for x86_64, and for aarch64 where its Rust library is at
  hand (`rustup target add aarch64-unknown-linux-gnu`, or `.ci/aarch64.sh`); the sdist.
- The x86_64 wheel again, from the unpacked sdist in another folder: the same bytes, or it is not reproducible.
- auditwheel and abi3audit; no path of this machine inside; a bill of materials (CycloneDX) in the wheel.
- Each wheel installed without an index into an empty environment of every Python that is found, and used.

Wheels for other systems are built by .github/workflows/release.yml.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from portable_bom import make_portable

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
CACHE = ROOT / ".cache" / "dist"
AARCH64 = ROOT / ".cache" / "aarch64"
GLIBC = "manylinux2014"
X86_64, ARM64 = "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"
OLDEST, NEWEST_MINOR = 10, 20

IN_USE = """
import sys, time
started = time.perf_counter()
from headroom import compress
imported = time.perf_counter() - started
log = "\\n".join(f"2026-05-04 10:00:{i % 60:02d} INFO request {i} served in {i % 9} ms" for i in range(2000))
result = compress([{"role": "tool", "tool_call_id": "1", "content": log + "\\nERROR disk is full"}], model="gpt-4o")
assert result.tokens_after < result.tokens_before / 2, result
assert "ERROR disk is full" in result.messages[0]["content"]
print(f"{1000 * imported:.0f}")
"""

Row = tuple[str, str, str]


def main() -> int:
    """Builds, checks, prints."""
    parser = argparse.ArgumentParser(description="builds and checks wheels and sdist")
    parser.add_argument("--once", action="store_true", help="do not build a second time to compare")
    parser.add_argument("--check", action="store_true", help="check what is in dist/, build nothing")
    given = parser.parse_args()
    rows: list[Row] = []
    if not given.check:
        shutil.rmtree(DIST, ignore_errors=True)
        DIST.mkdir()
        rows += list(built(given.once))
    wheels = sorted(DIST.glob("*.whl"))
    for wheel in wheels:
        rows += list(checked(wheel))
    rows += list(checked_sdist(next(DIST.glob("*.tar.gz"))))
    for python in pythons():
        rows.append(installed(python, next(w for w in wheels if "x86_64" in w.name)))
    for wheel in wheels:
        if "aarch64" in wheel.name:
            rows.append(emulated(wheel))
    sums = "".join(f"{digest(path)}  {path.name}\n" for path in sorted(DIST.glob("headroom_ai-*")))
    (DIST / "SHA256SUMS").write_text(sums)
    print("\n| what | result | |\n|---|---|---|")
    print("\n".join(f"| {what} | {result} | {more} |" for what, result, more in rows))
    return int(any(result == "FAILED" for _, result, _ in rows))


def built(once: bool) -> Iterator[Row]:
    """Wheels and sdist, in dist/."""
    started = time.monotonic()
    first = wheel(ROOT, X86_64, DIST)
    yield first.name, "built", f"{time.monotonic() - started:.0f} s"
    run("maturin", "sdist", "--out", str(DIST))
    sdist = next(DIST.glob("*.tar.gz"))
    yield sdist.name, "built", f"{sdist.stat().st_size / 1e6:.2f} MB"
    rustc = arm_rustc()
    if rustc is None:
        yield "aarch64 wheel", "not built", "no Rust library for it: rustup target add, or .ci/aarch64.sh"
    else:
        made = wheel(ROOT, ARM64, DIST, rustc)
        yield made.name, "built", f"with {rustc['RUSTC']}" if rustc else ""
    if not once:
        with tempfile.TemporaryDirectory(prefix="a folder with another name ") as folder:
            with tarfile.open(sdist) as archive:
                archive.extractall(folder, filter="data")
            again = wheel(next(Path(folder).iterdir()), X86_64, Path(folder) / "out")
            same = digest(again) == digest(first)
            more = (
                digest(first)[:16]
                if same
                else f"{digest(first)[:16]} and {digest(again)[:16]}: {differing(first, again)}"
            )
        yield "built again from the sdist, elsewhere", "same bytes" if same else "FAILED", more


def wheel(source: Path, target: str, out: Path, more: Mapping[str, str] | None = None) -> Path:
    """Builds one wheel from `source`; no path of this machine gets into it."""
    cache = CACHE / hashlib.sha256(str(source).encode()).hexdigest()[:8] / target
    cargo = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    paths = {str(folder): "/cargo" for folder in (cargo / "registry" / "src").glob("*")}
    # The last that fits counts, and the caches lie inside the checkout.
    paths |= {str(source): "/headroom", str(cache): "/target"}
    # Separated by \x1f: a path may have blanks.
    flags = "\x1f".join(f"--remap-path-prefix={path}={name}" for path, name in paths.items())
    env = {
        "CARGO_ENCODED_RUSTFLAGS": flags,
        "CARGO_TARGET_DIR": str(cache),
        "SOURCE_DATE_EPOCH": epoch(),
        **(more or {}),
    }
    before = set(out.glob("*.whl"))
    options = ["--release", "--locked", "--zig", "--target", target, "--compatibility", GLIBC, "--out", str(out)]
    run("maturin", "build", *options, cwd=source, env=env)
    made = next(iter(set(out.glob("*.whl")) - before))
    make_portable(made)
    return made


@functools.cache
def epoch() -> str:
    """The time that goes into archives, the same for all: that of the last commit when the first was built."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return given
    return subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True).stdout.strip()


def arm_rustc() -> dict[str, str] | None:
    """The environment in which rustc can compile for aarch64; `None` if there is none."""
    own = AARCH64 / "rust" / "usr" / "bin" / "rustc"
    for env in ({}, {"RUSTC": str(own), "LD_LIBRARY_PATH": str(own.parents[1] / "lib" / "x86_64-linux-gnu")}):
        asked = subprocess.run(
            [env.get("RUSTC", "rustc"), "--print", "target-libdir", "--target", ARM64],
            capture_output=True, text=True, env={**os.environ, **env}, check=False,
        ) if not env or own.exists() else None  # fmt: skip
        if asked and asked.returncode == 0 and list(Path(asked.stdout.strip()).glob("libstd-*.rlib")):
            return env
    return None


def checked(path: Path) -> Iterator[Row]:
    """What is in a wheel."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        size = sum(item.file_size for item in archive.infolist())
        core = next(name for name in names if name.endswith(".so"))
        found = machine_paths(archive.read(core))
        boms = [name for name in names if "/sboms/" in name and name.endswith(".json")]
        parts = sum(len(json.loads(archive.read(name))["components"]) for name in boms)
        leaked = [name for name in boms if machine_paths(archive.read(name))]
        for name in boms:
            (DIST / f"{path.stem}.{Path(name).name}").write_bytes(archive.read(name))
    yield path.name, "size", f"{path.stat().st_size / 1e6:.2f} MB, installed {size / 1e6:.2f} MB"
    yield (
        f"{path.name}: paths of this machine",
        "FAILED" if found or leaked else "none",
        ", ".join([*found, *leaked][:3]),
    )
    yield f"{path.name}: bill of materials", "CycloneDX" if parts else "FAILED", f"{parts} components"
    shown = run("auditwheel", "show", str(path))
    tags = re.findall(r'"(manylinux_2_\d+_\w+)"', shown)
    yield f"{path.name}: auditwheel", "consistent" if tags else "FAILED", ", ".join(dict.fromkeys(tags))
    report = json.loads(run("abi3audit", "--report", "--strict", str(path), check=False).strip().splitlines()[-1])
    results = [one for spec in report["specs"].values() for one in spec["wheel"]]
    good = results and all(one["result"]["is_abi3"] and not one["result"]["non_abi3_symbols"] for one in results)
    low = {one["result"]["computed"] for one in results}
    yield f"{path.name}: abi3audit", "abi3" if good else "FAILED", f"computed: Python {', '.join(sorted(low))}"


def machine_paths(data: bytes) -> list[str]:
    """Strings that name this machine's folders."""
    homes = {str(Path.home()), str(ROOT), str(CACHE), tempfile.gettempdir()}
    return [h for h in sorted(homes) if len(h) > 3 and re.search(re.escape(h.encode()) + b"[/#]", data)]


def checked_sdist(path: Path) -> Iterator[Row]:
    """What is in the sdist: the sources, and nothing that was built or is not needed."""
    with tarfile.open(path) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    tracked = subprocess.run(
        ["git", "ls-files", "src", "python", "build.rs", "Cargo.toml", "Cargo.lock", "pyproject.toml", "LICENSE"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\n")  # fmt: skip
    missing = {name for name in tracked if name} - names
    junk = {n for n in names if re.search(r"\.(so|pyc|pyd|whl)$|__pycache__|^(target|tests|docs|\.)", n)}
    yield f"{path.name}: missing", "FAILED" if missing else "nothing", ", ".join(sorted(missing)[:4])
    yield f"{path.name}: junk", "FAILED" if junk else "none", ", ".join(sorted(junk)[:4])


def pythons() -> list[str]:
    """Every CPython on this machine that is new enough, one per minor version."""
    found: dict[tuple[int, ...], str] = {}
    places = [*map(str, (Path.home() / ".pyenv" / "versions").glob("*/bin")), *os.environ["PATH"].split(os.pathsep)]
    ask = "import sys, platform; print(platform.python_implementation(), *sys.version_info[:3])"
    for place in places:
        for minor in range(OLDEST, NEWEST_MINOR):
            program = Path(place) / f"python3.{minor}"
            if "shims" not in place and os.access(program, os.X_OK):
                said = subprocess.run([program, "-c", ask], capture_output=True, text=True, check=False).stdout.split()
                if said[:1] == ["CPython"]:
                    found.setdefault(tuple(map(int, said[1:3])), str(program))
    return [found[version] for version in sorted(found)]


def installed(python: str, path: Path) -> Row:
    """Installs a wheel into an empty environment and uses it."""
    version = subprocess.run([python, "-V"], capture_output=True, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "bin" / "python"
        subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True)
        site = next(Path(folder).glob("lib/python3*/site-packages"))
        started = time.perf_counter()
        run(
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(own),
            "install",
            "--quiet",
            "--no-index",
            "--no-deps",
            str(path),
        )
        seconds = time.perf_counter() - started
        size = sum(file.stat().st_size for file in site.rglob("*") if file.is_file())
        clean = {"PYTHONPATH": "", "HOME": folder}
        try:
            imported = run(str(own), "-I", "-c", IN_USE, env=clean).strip()
            said = run(str(own.parent / "headroom"), "doctor", "--json", env=clean)
        except subprocess.CalledProcessError as error:
            return f"install on {version}", "FAILED", (error.stderr or error.stdout).strip().splitlines()[-1]
    ok = json.loads(said)["ok"]
    more = f"installed in {seconds:.1f} s, {size / 1e6:.2f} MB with bytecode, imported in {imported} ms"
    return f"install on {version}", "works" if ok else "FAILED", more


def emulated(path: Path) -> Row:
    """Uses an aarch64 wheel under qemu, with the Python that .ci/aarch64.sh unpacked."""
    root, qemu = AARCH64 / "root", shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    python = root / "usr" / "bin" / "python3.11"
    if qemu is None or not python.exists():
        return "aarch64 wheel under qemu", "NOT RUN", "needs qemu-user and .ci/aarch64.sh"
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
        env = {"PYTHONPATH": folder, "PYTHONHOME": str(root / "usr"), "HOME": folder}
        emulate = [qemu, "-L", str(root), str(python)]
        try:
            run(*emulate, "-c", IN_USE, env=env)
            said = json.loads(run(*emulate, "-m", "headroom.cli", "doctor", "--json", env=env))
        except subprocess.CalledProcessError as error:
            return "aarch64 wheel under qemu", "FAILED", (error.stderr or error.stdout).strip().splitlines()[-1]
    facts = {finding["check"]: finding["facts"] for finding in said["findings"]}
    python_version = facts["headroom"]["python"]
    return (
        "aarch64 wheel under qemu",
        "works" if said["ok"] else "FAILED",
        f"{facts['core']['target']}, {python_version}",
    )


def differing(a: Path, b: Path) -> str:
    """Which members of two wheels differ."""
    with zipfile.ZipFile(a) as one, zipfile.ZipFile(b) as two:
        names = sorted({*one.namelist()} | {*two.namelist()})
        have = [{*one.namelist()}, {*two.namelist()}]
        return (
            ", ".join(n for n in names if not (n in have[0] and n in have[1] and one.read(n) == two.read(n))) or "order"
        )


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run(*command: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None, check: bool = True) -> str:
    """A program's standard output; this environment's programs are found first.

    Raises:
        subprocess.CalledProcessError: it failed; what it said was printed.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, "PATH": path, **(env or {})}, capture_output=True, text=True, check=False
    )
    if check and done.returncode:
        print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
        done.check_returncode()
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
