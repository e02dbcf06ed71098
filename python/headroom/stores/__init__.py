"""Stores: where originals wait until someone asks for what was left out.

One protocol (`Store`), one small file per backend:

- `memory://`: this process alone, bounded bytes, the default; nothing is ever written to disk.
- `sqlite:///path`: one machine, many processes.
- `redis://host`, `rediss://host`, `redis+cluster://host`: a fleet.

`open_store(url)` makes one, `default_store()` is the process's own (`HEADROOM_STORE`, else memory).
No store talks to its backend before the first `put` or `get`, so that one that is down costs nobody a start.
"""

from __future__ import annotations

from headroom.stores.address import default_store, open_store
from headroom.stores.protocol import Store

__all__ = ["Store", "default_store", "open_store"]
