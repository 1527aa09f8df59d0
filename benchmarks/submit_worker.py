"""A warm client: submits what is asked for on stdin, and tells what it cost on stdout.

Runs unchanged with skein 0.8.2 and with ours: the API is the same.
"""

import json
import sys
import time


def resident(pid="self"):
    """MiB of memory that a process holds."""
    with open(f"/proc/{pid}/status") as file:
        (line,) = [line for line in file if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def children(pid):
    """The processes that a process started."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        found = file.read().split()
    return found + [each for child in found for each in children(child)]


def main():
    """Answer a line `script` with the application's id and the time of the call."""
    import skein

    with skein.Client() as client:
        for line in sys.stdin:
            request = json.loads(line)
            if request["do"] == "memory":
                import os

                pid = os.getpid()
                print(json.dumps(resident() + sum(map(resident, children(pid)))), flush=True)
                continue
            service = skein.Service(
                resources=skein.Resources(memory="64 MiB", vcores=1), script=request["script"]
            )
            spec = skein.ApplicationSpec(
                name="benchmark",
                services={"benchmark": service},
                master=skein.Master(resources=skein.Resources(memory="512 MiB", vcores=1)),
            )
            called = time.time()
            application = client.submit(spec)
            print(json.dumps([application, called]), flush=True)


if __name__ == "__main__":
    main()
