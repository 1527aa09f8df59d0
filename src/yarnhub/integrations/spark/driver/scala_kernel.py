"""A kernel for Scala: ipykernel, whose cells are Scala's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ipykernel.ipkernel import IPythonKernel

from .interpreter import Status
from .scala import MAGIC

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .scala import Scala
    from .settings import SparkSettings

_LIBRARY = re.compile(r"scala-library-(\d[\w.-]*)\.jar")
_COMPLETE = {
    Status.SUCCESS: "complete",
    Status.INCOMPLETE: "incomplete",
    Status.ERROR: "invalid",
}


def scala_kernel(settings: SparkSettings, scala: Scala) -> type[IPythonKernel]:
    """The class of the process's kernel.

    Args:
        settings: The kernel's.
        scala: Runs its cells.
    """
    version = scala_version(settings.jars)

    class Kernel(ScalaKernel):
        interpreter = scala
        banner = f"Scala {version} with Spark {settings.version}"
        implementation_version = settings.version
        language_info = {  # noqa: RUF012  # ipykernel's
            "name": "scala",
            "version": version,
            "mimetype": "text/x-scala",
            "file_extension": ".sc",
            "codemirror_mode": "text/x-scala",
            "pygments_lexer": "scala",
        }

    return Kernel


class ScalaKernel(IPythonKernel):
    """Has cells run by `%%scala`, so that all else is as in a kernel for Python.

    Attributes:
        interpreter: What completes names.
    """

    implementation = "yarnhub-scala"
    interpreter: Scala

    @property
    def kernel_info(self) -> dict[str, Any]:
        """What frontends ask for, without what is for Python only."""
        info: dict[str, Any] = super().kernel_info
        features = [each for each in info.get("supported_features", ()) if each != "debugger"]
        return {**info, "debugger": False, "supported_features": features, "help_links": []}

    async def do_execute(self, code: str, *args: Any, **options: Any) -> Any:  # ipykernel's
        """Run a cell; an empty one does nothing."""
        wrapped = f"%%{MAGIC}\n{code}" if code.strip() else ""
        run: Any = super().do_execute  # it has no types
        return await run(wrapped, *args, **options)

    async def do_complete(self, code: str, cursor_pos: int | None) -> dict[str, Any]:
        """Complete a name, once there is an interpreter."""
        position = len(code) if cursor_pos is None else cursor_pos
        start, names = self.interpreter.complete(code, position)
        return {
            "matches": names,
            "cursor_start": start,
            "cursor_end": position,
            "metadata": {},
            "status": "ok",
        }

    async def do_is_complete(self, code: str) -> dict[str, Any]:
        """Whether a cell is complete, once there is an interpreter."""
        status = self.interpreter.check(code)
        return {"status": _COMPLETE[status] if status else "unknown", "indent": ""}

    async def do_inspect(
        self,
        code: str,  # noqa: ARG002  # ipykernel's
        cursor_pos: int,  # noqa: ARG002
        detail_level: int = 0,  # noqa: ARG002
        omit_sections: Sequence[str] = (),  # noqa: ARG002
    ) -> dict[str, Any]:
        """Nothing: variables of Python are not the user's."""
        return {"status": "ok", "found": False, "data": {}, "metadata": {}}


def scala_version(jars: Sequence[str]) -> str:
    """The version of Scala that Spark's jars have; empty if it is unknown."""
    found = (_LIBRARY.fullmatch(jar) for jar in jars)
    return next((each[1] for each in found if each), "")
