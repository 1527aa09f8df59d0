"""Starts a kernel's application for Enterprise Gateway, in whose environment it runs.

Does what `dask-yarn submit --deploy-mode remote` does, the only one of Enterprise Gateway's own
ways to start a kernel on YARN without Spark; dask-yarn itself does not run with a current Dask. Its
arguments are the kernel's command line, which becomes the master of an application.
"""

import os
import shlex
import sys


def main():
    """Submit, and end: the gateway looks for an application of the kernel's name."""
    import skein

    master = skein.Master(
        resources=skein.Resources(memory="512 MiB", vcores=1), script=shlex.join(sys.argv[1:])
    )
    with skein.Client() as client:
        client.submit(skein.ApplicationSpec(name=os.environ["KERNEL_ID"], master=master))


if __name__ == "__main__":
    main()
