"""`skein application explain`: why an application waits, where it runs, or how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skein.cli.parsers import add_application, add_command, add_output
from yarnhub.base.foreign_text import clean_and_cut

if TYPE_CHECKING:
    import argparse

    from skein.cli.parsers import Subparsers
    from skein.explanation import Explanation

# The engine is imported by the handlers: it takes longer than `--help` may.


def add_parser(commands: Subparsers) -> None:
    """Add `explain` to the commands of `application`."""
    summary = "explain why an application waits, where it runs, or how it ended"
    explain = add_command(commands, "explain", summary, _explain)
    add_application(explain, current=False)
    add_output(explain)


def _explain(arguments: argparse.Namespace) -> None:
    from skein.cli import clients
    from skein.explanation import Explanation
    from yarnhub.client import applications

    app_id = clients.application_id(arguments.id)

    async def explain() -> None:
        async with clients.cluster() as client:
            found = Explanation.of(
                await applications.explain(client, app_id), logs=f"skein application logs {app_id}"
            )
        if arguments.output == "json":
            from skein.cli.json_output import to_json

            print(to_json(found))
        else:
            print(in_lines(found))

    clients.run(explain())


def in_lines(explanation: Explanation) -> str:
    """The text of an explanation."""
    from skein.utils import format_table

    lines = [f"{explanation.id} is {explanation.state}. {explanation.summary}"]
    lines += [f"- {reason}" for reason in explanation.reasons]
    lines = [clean_and_cut(line) for line in lines]
    if explanation.places:
        columns = ("container", "yarn_container_id", "node", "vcores", "memory")
        rows = [
            (
                each.container,
                each.yarn_container_id,
                each.node,
                each.resources.get("vcores", ""),
                each.resources.get("memory-mb", ""),
            )
            for each in explanation.places
        ]
        lines += ["", format_table(columns, rows)]
    return "\n".join(lines)
