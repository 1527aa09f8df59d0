"""Compiles the modules of an environment; run by its interpreter, not imported.

Standard library only, for every Python that an environment can have. Prints one JSON object for
each line: {"done": 200, "total": 1000}, or {"file": ..., "error": ...} for a module that has no
valid syntax, which is usual for templates and for code of other versions of Python.
"""

from __future__ import annotations

import concurrent.futures
import json
import multiprocessing
import os
import py_compile
import sys
from typing import Iterator, Tuple  # noqa: UP035  # Python 3.9

FOLDER = "__pycache__"
"""Where byte code is."""
# -S: it runs no code of packages, which could be in their .pth files.
OPTIONS = ("-S", "-s", "-W", "ignore")
"""Of the interpreter that runs this program."""
_EVERY = 200


def main(prefix: str, folder: str, processes: int) -> int:
    """Compile all modules of a folder in `prefix`."""
    os.chdir(prefix)
    names = sorted(modules(folder))
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(processes, mp_context=context) as pool:
        for done, (name, error) in enumerate(pool.map(compiled, names, chunksize=32), start=1):
            if error:
                say({"file": name, "error": error})
            if done % _EVERY == 0 or done == len(names):
                say({"done": done, "total": len(names)})
    return 0


def modules(top: str) -> Iterator[str]:
    """The names of all modules below a folder."""
    for folder, folders, files in os.walk(top):
        folders[:] = [each for each in folders if each != FOLDER]
        for name in files:
            path = os.path.join(folder, name)  # noqa: PTH118  # thousands of files
            if name.endswith(".py") and not os.path.islink(path):  # noqa: PTH114
                yield os.path.normpath(path)


def compiled(name: str) -> Tuple[str, str]:  # noqa: UP006  # Python 3.9
    """Compile a module; returns its name, and why it could not be compiled."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    try:
        # The name in the code is the one from the prefix on: it is replaced on import.
        py_compile.compile(name, dfile=f"./{name}", doraise=True, invalidation_mode=mode)
    except py_compile.PyCompileError as error:
        return name, f"{error.exc_type_name}: {error.exc_value}"
    except (UnicodeError, ValueError, RecursionError) as error:
        return name, f"{type(error).__name__}: {error}"
    return name, ""


def say(line: object) -> None:
    """Print a line for the build."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
