"""The folder in HDFS with the published versions of Spark, as an option of commands."""

from __future__ import annotations

from yarnhub.cli import hdfs_root


def checked_root(text: str) -> str:
    """The folder without a slash at its end; the default one for an empty text.

    Raises:
        ConfigurationError: It is not the path or the URL of a folder.
    """
    from yarnhub.integrations.spark.published import ROOT

    return hdfs_root.checked_root(text, ROOT)
