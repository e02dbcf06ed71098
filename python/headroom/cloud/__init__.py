"""Headroom Cloud: the service that a company's proxies share (`headroom serve`, extra `headroom-ai[cloud]`).

```
connection ─► guard (timeouts, connection limit)                    guard.py
request    ─► edge (request id, security headers, errors, log)      edge.py
           ─► who (key ─► organisation, role, limits)               auth.py keys.py limits.py
           ─► body, bounded ─► lane of worker threads ─► core       bodies.py lanes.py wire.py
           ─► originals to the store, owner = organisation          originals.py
           ─► usage event to the spool ─► database, rolled up       usage/
```
Invariants: content goes to the core and, for retrieval, to the store; never into a log, an error, a metric or
the database. Workers are stateless: what they keep in memory is a cache or is spooled on disk. Nothing here
makes a connection that the input chose.
"""
