"""Takes the folder of the checkout out of the bills of materials in wheels: the same bytes wherever they are built.

    python .ci/portable_bom.py dist/*.whl

maturin names the crate by the folder that it was built in (`path+file:///home/me/headroom#headroom@0.1.0`).
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import sys
import zipfile
from pathlib import Path

PATH = re.compile(rb'path\+file://[^"#]*#')
PORTABLE = b"path+file:///headroom#"


def make_portable(wheel: Path) -> bool:
    """Rewrites one wheel, and its RECORD; returns whether there was something to do."""
    with zipfile.ZipFile(wheel) as archive:
        files = [(info, archive.read(info)) for info in archive.infolist()]
    changed: dict[str, bytes] = {}
    for info, data in files:
        if "/sboms/" in info.filename and (made := PATH.sub(PORTABLE, data)) != data:
            changed[info.filename] = made
    if not changed:
        return False
    new = wheel.with_suffix(".new")
    with zipfile.ZipFile(new, "w") as archive:
        for info, data in files:
            if info.filename.endswith(".dist-info/RECORD"):
                data = "".join(recorded(line, changed) for line in data.decode().splitlines(keepends=True)).encode()
            archive.writestr(info, changed.get(info.filename, data), compress_type=info.compress_type)
    os.replace(new, wheel)
    return True


def recorded(line: str, changed: dict[str, bytes]) -> str:
    """A line of a RECORD: a file's name, digest and size."""
    name = line.split(",")[0]
    if name not in changed:
        return line
    digest = base64.urlsafe_b64encode(hashlib.sha256(changed[name]).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(changed[name])}\n"


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        print(path.name, "rewritten" if make_portable(path) else "has no path")
