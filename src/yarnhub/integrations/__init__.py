"""Integrations with other projects: a package for each."""
