"""A kernel's settings, and where its session runs."""

from __future__ import annotations

from typing import Any

from yarnhub.integrations.spark.driver.properties import Place
from yarnhub.integrations.spark.driver.settings import SparkSettings

PLACE = Place(python="/env/bin/python", java_build="17.0.1", host="node", bind_address="10.0.0.1")


def settings(**changes: Any) -> SparkSettings:
    base: dict[str, Any] = {
        "version": "4.3.0", "jars": ("a.jar", "b.jar"), "archive": "hdfs:///s/libs.tar",
        "tag": "kernel-1",
    }  # fmt: skip
    return SparkSettings(**{**base, **changes})
