"""All logs of an application as texts in memory, for small logs."""

from __future__ import annotations

import contextlib
import html
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

from yarnhub.base.foreign_text import clean_and_cut

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from typing import TextIO

    from yarnhub.client.logs.aggregated import LogChunk


class LogTexts(Mapping[str, str]):
    """Logs by YARN's container id; notebooks show them folded.

    Args:
        app_id: The application's id.
        logs: The text of each container.
    """

    def __init__(self, app_id: str, logs: Mapping[str, str]) -> None:
        self.app_id = app_id
        self.logs = logs

    def __getitem__(self, container: str) -> str:
        return self.logs[container]

    def __iter__(self) -> Iterator[str]:
        return iter(self.logs)

    def __len__(self) -> int:
        return len(self.logs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}<{self.app_id}>"

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def _repr_html_(self) -> str:
        folds = (
            f"<details><summary>{html.escape(container)}</summary>"
            f"<pre>{html.escape(text)}</pre></details>"
            for container, text in sorted(self.items())
        )
        return "\n".join((f"<h3>{html.escape(self.app_id)}</h3>", *folds))

    def dump(self, file: TextIO | None = None) -> None:
        """Write all logs.

        Args:
            file: The file to write to; None for standard output.
        """
        print(self.dumps(), end="", file=file)  # what it is for

    def dumps(self) -> str:
        """All logs as one text."""
        out = io.StringIO()
        out.write(f"** Logs for {self.app_id} **\n")
        for name, text in sorted(self.items()):
            container = clean_and_cut(name, lines=False)
            out.write(f"\n{container}\n{'=' * len(container)}\n{text}\n")
        return out.getvalue()


async def read_texts(logs: AsyncGenerator[LogChunk, None]) -> dict[str, str]:
    """The texts of logs by YARN's container id; all of it is kept in memory.

    Args:
        logs: From `Client.logs`; closed at the end.
    """
    found: dict[str, bytearray] = {}
    async with contextlib.aclosing(logs) as chunks:
        async for chunk in chunks:
            content = found.setdefault(str(chunk.file.container_id), bytearray())
            if chunk.offset == 0:
                content += f"{chunk.file.name}\n{'-' * len(chunk.file.name)}\n".encode()
            content += chunk.data
    return {key: content.decode(errors="replace") for key, content in found.items()}
