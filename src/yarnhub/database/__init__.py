"""The database of services: SQLite for one machine, or PostgreSQL."""
