"""Lists a user's clusters: `python clusters.py ADDRESS AUTH`; prints an error, or `[]`."""

from __future__ import annotations

import sys

from dask_gateway import Gateway


def main() -> None:
    """Log in and list."""
    address, auth = sys.argv[1:]
    try:
        with Gateway(address, auth=auth) as gateway:
            print(gateway.list_clusters())  # noqa: T201
            print(gateway.list_clusters())  # noqa: T201  # with the cookie
    except Exception as error:  # noqa: BLE001  # what a user sees
        print(f"{type(error).__name__}: {error}")  # noqa: T201


if __name__ == "__main__":
    main()
