"""Alembic's migrations of the service's database. Run by `headroom migrate` and at start; see database.py."""
