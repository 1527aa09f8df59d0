"""The folder that Alembic reads: `env.py`, and a module for each version of the tables."""
