"""Programs with PySpark that connect to a Spark Connect server, as on a laptop."""

from __future__ import annotations

import asyncio
import os
import subprocess
from typing import TYPE_CHECKING

from integrations.spark.publishing import PYTHON

if TYPE_CHECKING:
    from pathlib import Path

SUM = "print(spark.range(10**6).selectExpr('sum(id)').first()[0])"
_BEGIN = """
from pyspark.sql import SparkSession
try:
    spark = SparkSession.builder.getOrCreate()
    spark.version
except Exception as error:
    print(type(error).__name__, error)
    raise SystemExit(3)
"""
REFUSED = 3
"""The exit code of a client that could not connect."""


def variables(folder: Path, remote: str, certificate: str) -> dict[str, str]:
    """A client's variables.

    Args:
        folder: For the file with the certificate.
        remote: The server's URL, with its token.
        certificate: The server's, in PEM.
    """
    file = folder / "server.pem"
    file.write_text(certificate)
    return {
        "PATH": os.defpath,
        "HOME": str(folder),
        "SPARK_REMOTE": remote,
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(file),
    }


async def run_client(env: dict[str, str], code: str = SUM, seconds: float = 200) -> tuple[int, str]:
    """Run some code with `spark`; returns the exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        PYTHON, "-c", _BEGIN + code, env=env, cwd=env["HOME"], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(seconds):
            printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, printed.decode()
