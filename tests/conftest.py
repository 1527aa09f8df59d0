"""What all tests share: the clusters, one of each kind for the whole session."""

from hypothesis import settings

pytest_plugins = ["yarnhub.cluster.pytest_plugin"]

# Speed is measured in benchmarks/; a test says only what is right.
settings.register_profile("yarnhub", deadline=None)
settings.load_profile("yarnhub")
