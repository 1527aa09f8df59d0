"""The logs of an application, while it runs and afterwards."""
