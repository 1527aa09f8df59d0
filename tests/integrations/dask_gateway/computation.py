"""What a user computes: `python computation.py ADDRESS PROXY_ADDRESS CLUSTER NOTES`.

Computes until there is a file NOTES.enough, and notes after each batch whose processes did it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from dask_gateway import Gateway
from dask_gateway.auth import BasicAuth


def main() -> None:
    """Compute batch after batch."""
    address, proxy_address, name, notes = sys.argv[1:]
    gateway = Gateway(address, proxy_address=proxy_address, auth=BasicAuth("alice"))
    client = gateway.connect(name).get_client()
    enough = Path(f"{notes}.enough")
    batch = 0
    while not enough.exists():
        numbers = range(batch, batch + 20)
        results = client.gather(client.map(square, numbers, pure=False))
        assert [square for square, _ in results] == [number * number for number in numbers]
        with Path(notes).open("a") as file:
            file.write(json.dumps(sorted({pid for _, pid in results})) + "\n")
        batch += 1


def square(number: int) -> tuple[int, int]:
    """What a worker computes, and its process."""
    time.sleep(0.02)
    return number * number, os.getpid()


if __name__ == "__main__":
    main()
