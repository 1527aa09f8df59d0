"""The interpreter of an environment: where it comes from, and a copy that runs in any folder."""
