"""Pack a Python environment with notebook, numpy and this project: pack_environment.py FOLDER.

Makes FOLDER/environment (a relocatable venv) and FOLDER/environment.tar.gz, unless they are there
and made from the same. Its interpreter is the one that runs this: all nodes, and all users whose
containers use it, must have it at the same path.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
PACKAGES = ["notebook>=7", "numpy"]
LEFT_OUT = ["tests", "tzdata", "django-stubs", "typeshed/stubs", "babel/locale-data/[!er]*"]
"""What a notebook can do without: half of all files. A NodeManager without Hadoop's native library,
such as that of the embedded cluster, starts a chmod for each file that it unpacks."""


def main(folder: Path) -> None:
    """Pack the environment into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    archive, mark = folder / "environment.tar.gz", folder / "environment.made-from"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    uv = shutil.which("uv", path=path) or "uv"
    with tempfile.TemporaryDirectory() as wheels:
        run(uv, "build", "-q", "--wheel", "--out-dir", wheels, PROJECT)
        (wheel,) = Path(wheels).glob("*.whl")
        made_from = f"{' '.join(PACKAGES)} {hashlib.sha256(wheel.read_bytes()).hexdigest()}"
        if archive.exists() and mark.exists() and mark.read_text() == made_from:
            print(f"{archive} is up to date")
            return
        mark.unlink(missing_ok=True)
        environment = folder / "environment"
        python = Path(sys.executable).resolve()
        run(uv, "venv", "-q", "--clear", "--relocatable", "--python", python, environment)
        into = ("--python", environment / "bin" / "python")
        # A link from uv's cache changes while another process makes one, and tar refuses the file.
        run(uv, "pip", "install", "-q", "--link-mode", "copy", *into, *PACKAGES, wheel)
    left_out = [f"--exclude={pattern}" for pattern in LEFT_OUT]
    run("tar", "-czf", archive, *left_out, "--directory", environment, ".")
    mark.write_text(made_from)


def run(*command: str | Path) -> None:
    """Show a command and run it."""
    words = [str(word) for word in command]
    print(f"$ {shlex.join([Path(words[0]).name, *words[1:]])}", flush=True)
    subprocess.run(words, check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
