"""Where usage waits for the database: one file per worker, a line per event.

An event is in the file before its answer goes out, so neither a killed worker nor a database that is away
loses one. A file belongs to the process that holds its lock; files of the dead are taken over by whoever
finds them. One `write` per event (5 µs); nothing is forced to disk, so a crash of the machine may cost the
last seconds.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

PATTERN = "usage-*.jsonl"
ROTATE_BYTES = 4 << 20
"""A file that has grown to this is left to be emptied and deleted; the worker starts the next one."""
READ_BYTES = 1 << 20
"""Read at once: about 5,000 events, one transaction."""


class Spool:
    """A file of events, locked by this process."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd = fd
        self.size = os.fstat(fd).st_size

    @property
    def id(self) -> str:
        """Its name in the database."""
        return self.path.stem.removeprefix("usage-")

    @classmethod
    def create(cls, folder: Path) -> Spool:
        """A new, empty one.

        Raises:
            OSError: the folder cannot be written to.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = uuid.uuid4().hex
        hidden = folder / f".{name}"
        fd = os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
        # Locked before it has a name by which others would look for it.
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path = folder / f"usage-{name}.jsonl"
        hidden.rename(path)
        return cls(path, fd)

    @classmethod
    def orphans(cls, folder: Path) -> Iterator[Spool]:
        """The files that no living process holds, each locked while the caller looks at it."""
        for path in sorted(folder.glob(PATTERN)):
            try:
                fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            except OSError:
                continue
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Somebody may have emptied and deleted it meanwhile.
                here = os.fstat(fd).st_nlink > 0
            except OSError:
                here = False
            if not here:
                os.close(fd)
                continue
            spool = cls(path, fd)
            try:
                yield spool
            finally:
                spool.close()

    def append(self, line: bytes) -> bool:
        """True once the event is in the file; a disk that is full leaves the file as it was."""
        try:
            written = os.write(self._fd, line)
        except OSError:
            return False
        if written != len(line):
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self.size)
            return False
        self.size += written
        return True

    def read(self, offset: int) -> tuple[list[bytes], int]:
        """Whole lines from `offset` on, and where they end."""
        data = os.pread(self._fd, READ_BYTES, offset)
        end = data.rfind(b"\n") + 1
        return data[:end].splitlines(), offset + end

    def close(self) -> None:
        """Leaves the file to whoever finds it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def delete(self) -> None:
        """Deletes the file; all of it must be in the database."""
        with contextlib.suppress(OSError):
            self.path.unlink()
        self.close()
