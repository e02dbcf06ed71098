"""The commands that stand in for others while the shell blocks of a page run.

`headroom` is the real one; `headroom serve` runs beside the shell instead of in front of it, on a free port. Of
`pip install` and `make` it is checked that there is such an extra and such a target. What a reader takes logs from
prints some.
"""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from processes import environment, free_port

from blocks import ROOT

PORT = "8787"
"""The port of the service in the documentation."""

HEADROOM = f"""#!/bin/sh
if [ "$1" != serve ]; then exec {sys.executable} -m headroom "$@"; fi
setsid {sys.executable} -m headroom "$@" >"$FOLDER/serve.log" 2>&1 &
echo $! >>"$FOLDER/pids"
for _ in $(seq 600); do
    {sys.executable} -c "import urllib.request as r; r.urlopen('http://127.0.0.1:$HEADROOM_CLOUD_PORT/readyz')" \\
        2>/dev/null && exit 0
    sleep 0.1
done
cat "$FOLDER/serve.log" >&2
exit 1
"""

PIP = f"""#!{sys.executable}
import re, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from extras import EXTRAS
assert sys.argv[1] == "install", sys.argv
for requirement in [word for word in sys.argv[2:] if word != "--upgrade"]:
    name, extras = re.fullmatch(r"([\\w-]+)(?:\\[([\\w,]+)\\])?", requirement).groups()
    assert name == "headroom-ai", f"what is {{name}}?"
    assert set((extras or "").split(",")) <= EXTRAS | {{""}}, f"{{extras}} is not one of {{sorted(EXTRAS)}}"
"""

MAKE = f"""#!/bin/sh
exec /usr/bin/env -i PATH=/usr/bin:/bin make --dry-run --quiet -C {ROOT} "$@" >/dev/null
"""

KUBECTL = f"""#!{sys.executable}
for i in range(400):
    print(f"2026-05-04 10:{{i // 60:02d}}:{{i % 60:02d}} INFO  request {{i}} served in {{i % 9}} ms")
    if i == 300:
        print("2026-05-04 10:05:00 ERROR pod api-1 failed: image not found")
"""

COMMANDS = {"headroom": HEADROOM, "pip": PIP, "make": MAKE, "kubectl": KUBECTL}


def prepare(folder: Path, more: dict[str, str]) -> tuple[dict[str, str], int]:
    """The environment of the shell, with the commands first in its path; and the port of the service."""
    programs = folder / "bin"
    programs.mkdir()
    for name, text in COMMANDS.items():
        (programs / name).write_text(text)
        (programs / name).chmod(stat.S_IRWXU)
    port = free_port()
    settings = {"HEADROOM_CLOUD_DATA_DIR": str(folder / "state"), "HEADROOM_CLOUD_PORT": str(port), "NO_COLOR": "1"}
    env = environment({**more, **settings, "FOLDER": str(folder)})
    env["PATH"] = f"{programs}{os.pathsep}{env['PATH']}"
    return env, port


@contextlib.contextmanager
def ended(folder: Path) -> Iterator[None]:
    """Ends what the blocks left running."""
    try:
        yield
    finally:
        pids = folder / "pids"
        for pid in pids.read_text().split() if pids.exists() else ():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(pid), signal.SIGTERM)
