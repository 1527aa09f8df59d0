"""The Python environment of a Dask cluster's containers, in the forms that dask-yarn has."""

from __future__ import annotations

import posixpath
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnhub.spec import File, FileType

if TYPE_CHECKING:
    from collections.abc import Mapping

PYTHON = "DASK_YARN_PYTHON"
"""The variable of a container's script with the Python of its environment."""
_FOLDER = "environment"
"""Where an archive is unpacked in a container."""
_FORMS = """\
- an archive: a path such as my-env.tar.gz, or a URL such as hdfs:///environments/my-env.tar.gz
- a conda environment that all nodes have: conda:///path/to/environment
- a virtual environment that all nodes have: venv:///path/to/environment
- a Python that all nodes have: python:///path/to/python"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What containers need for their Python.

    Attributes:
        setup: Shell lines before Dask's command.
        files: What YARN puts into the containers.
    """

    setup: str
    files: Mapping[str, File] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str | None) -> Environment:
        """Read dask-yarn's `environment`.

        Raises:
            ValueError: It has none of the forms; the message has them.
        """
        if not text:
            raise ValueError(f"`environment` is missing: the workers' Python is one of\n{_FORMS}")
        scheme, separator, path = text.partition("://")
        if separator and scheme in _ON_NODES:
            if not path.startswith("/"):
                raise ValueError(
                    f"environment {text!r}: nodes have no folder to look for {path!r} in; write an "
                    f"absolute path, such as {scheme}:///opt/{path or 'environment'}"
                )
            return cls(setup=_ON_NODES[scheme](posixpath.normpath(path)))
        file = File(source=text)
        if file.type is not FileType.ARCHIVE:
            raise ValueError(
                f"environment {text!r} is not an archive that YARN unpacks (.tar.gz, .tgz or "
                f".zip); `environment` is one of\n{_FORMS}"
            )
        activate = f"{_FOLDER}/bin/activate"
        return cls(
            setup=f'export {PYTHON}="$PWD/{_FOLDER}/bin/python"\n'
            f"if [ -f {activate} ]; then source {activate}; fi",
            files={_FOLDER: file},
        )


def _conda(path: str) -> str:
    # What `conda activate` does; nodes need no conda, and a script no `conda init`.
    folder = shlex.quote(path)
    return (
        f"export CONDA_PREFIX={folder}\n"
        'export PATH="$CONDA_PREFIX/bin:$PATH"\n'
        f'export {PYTHON}="$CONDA_PREFIX/bin/python"\n'
        'for script in "$CONDA_PREFIX"/etc/conda/activate.d/*.sh; do\n'
        '    if [ -f "$script" ]; then source "$script"; fi\n'
        "done"
    )


def _venv(path: str) -> str:
    folder = shlex.quote(path)
    return f"source {folder}/bin/activate\nexport {PYTHON}={folder}/bin/python"


def _python(path: str) -> str:
    return f"export {PYTHON}={shlex.quote(path)}"


_ON_NODES = {"conda": _conda, "venv": _venv, "python": _python}
