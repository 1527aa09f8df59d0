"""A published Spark that is nowhere."""

from __future__ import annotations

from yarnhub.integrations.spark.published import PublishedFile, PublishedSpark

FOLDER = "hdfs://namenode:9000/yarnhub/spark/spark-4.3.0-0123456789ab"


def file(name: str, size: int = 5) -> PublishedFile:
    return PublishedFile(url=f"{FOLDER}/{name}", size=size, timestamp=1_795_000_000_000)


SPARK = PublishedSpark(
    version="4.3.0",
    content="0123456789ab" + "0" * 52,
    scala="2.13.18",
    py4j="0.10.9.9",
    published=1_795_000_000,
    folder=FOLDER,
    jars=["a.jar", "b.jar"],
    libs=file("spark-libs.tar"),
    pyspark=file("pyspark.zip"),
    py4j_zip=file("py4j-0.10.9.9-src.zip"),
)
