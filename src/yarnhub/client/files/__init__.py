"""The cluster's file systems, and what is uploaded to them for an application."""
