"""Spark on YARN from notebooks, without spark-submit."""
