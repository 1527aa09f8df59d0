"""The kernel that `spark-submit` runs in Spark's driver: `spark` is created when it is first used.

Its argument is the path of the connection file to write, which is complete when it exists.
"""

import sys
from pathlib import Path


class Names(dict):
    """The user's variables."""

    def __missing__(self, name):
        if name != "spark":
            raise KeyError(name)
        from pyspark.sql import SparkSession

        self["spark"] = SparkSession.builder.getOrCreate()
        return self["spark"]


def main():
    """Run until it is shut down."""
    from ipykernel.kernelapp import IPKernelApp

    app = IPKernelApp.instance(user_ns=Names())
    app.initialize(["--ip=127.0.0.1", "-f", f"{sys.argv[1]}.incomplete"])
    Path(app.abs_connection_file).rename(sys.argv[1])
    app.start()


if __name__ == "__main__":
    main()
