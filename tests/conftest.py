"""What all tests share: the clusters, one of each kind for the whole session."""

pytest_plugins = ["yarnhub.cluster.pytest_plugin"]
