"""The command line `yarnhub`."""
