"""Usage: one event per request, spooled to disk, written to the database in batches, rolled up, exported.

event.py ─► spool.py (before the answer goes out) ─► writer.py (every second) ─► rollup.py, tables
stats.py, export.py, prices.py read; retention.py forgets. Never content.
"""
