"""The cluster's file systems, and uploads for applications."""
