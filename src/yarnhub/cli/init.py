"""`yarnhub init`: a first `jupyterhub_config.py` for a cluster."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.cli.hub_options import add_hub_options, read_hub_options

if TYPE_CHECKING:
    import argparse


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `init`."""
    parser = subparsers.add_parser(
        "init",
        help="write a jupyterhub_config.py for a cluster",
        description="Writes a commented jupyterhub_config.py for the cluster in a Hadoop "
        "configuration. Comments mark what could not be determined.",
    )
    add_hub_options(parser)
    parser.add_argument(
        "--output", type=Path, default=Path("jupyterhub_config.py"), metavar="FILE", help="the file"
    )
    parser.add_argument("--force", action="store_true", help="replace an existing file")
    parser.set_defaults(handler=_write)


def _write(arguments: argparse.Namespace) -> int:
    from yarnhub.cli.cluster_facts import look_up_facts
    from yarnhub.integrations.jupyterhub.config_file import render

    output: Path = arguments.output
    exists = f"{output} already exists: use another name with --output, or replace it with --force"
    if output.exists() and not arguments.force:
        raise ConfigurationError(exists)
    facts = asyncio.run(look_up_facts(read_hub_options(arguments)))
    try:
        with output.open("w" if arguments.force else "x", encoding="utf-8") as file:
            file.write(render(facts))
    except FileExistsError as error:
        raise ConfigurationError(exists) from error
    except OSError as error:
        raise ConfigurationError(f"{output} cannot be written: {error.strerror}") from error
    print(f"Written: {output}. Review it, set the users who can log in, and run `yarnhub doctor`.")
    print(f"Then start the hub: yarnhub serve --config {output}")
    for note in facts.unknown:
        print(f"Unknown: {note}")
    return 0
