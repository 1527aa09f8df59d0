"""Programs to run in a service, as `python -m skein.recipes.<name>`."""
