"""Interactive data science on Hadoop YARN, with no JVM on the client or in the AM."""

__version__ = "0.1.0.dev0"
