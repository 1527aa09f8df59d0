"""Run every check in a step with a name, stop at the first that fails, and count the tests.

The same for everybody: `./test` here and in CI, `just check` while working.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

PYTHON = sys.executable
BIN = Path(PYTHON).parent

FAST = {
    "lint": [BIN / "ruff", "check", "."],
    "format": [BIN / "ruff", "format", "--check", "."],
    "types": [BIN / "mypy"],
    # It looks for packages with the `python` that PATH names, and at PyPI for a newer self.
    "public types": [
        *("env", "PYRIGHT_PYTHON_IGNORE_WARNINGS=1", f"PATH={BIN}:{os.environ['PATH']}"),
        *(PYTHON, "-m", "pyright", "--verifytypes", "skein", "--ignoreexternal"),
    ],
    "imports": [BIN / "lint-imports"],
    "documentation": [BIN / "sphinx-build", "-q", "-W", "-b", "html", "docs", "docs/_build/html"],
}
KERNEL_FAULTS = [
    f"tests/faults/test_{each}.py"
    for each in ("kernels", "kernel_servers", "spark", "environments")
]
TESTS = {
    "fast tests": [
        *("-m", "not cluster and not jupyter and not spark", "-p", "xdist", "-n", "2"),
        *("--timeout", "60"),
    ],
    "cluster tests": [
        *("-m", "cluster and not (versions or jupyter or spark or waits)", "--timeout", "300"),
        *("--ignore", "tests/faults", "--ignore", "tests/hub"),
    ],
    "hub tests": ["tests/hub", "-m", "cluster and not versions and not spark", "--timeout", "300"],
    # In a process of its own: Jupyter leaves sockets to the garbage collector.
    "kernel tests on a cluster": [
        *("tests/integrations", "tests/server", "-m", "jupyter and cluster and not spark"),
        *("--timeout", "300"),
    ],
    "kernel tests": [
        *("tests/integrations", "tests/server", "-m", "jupyter and not (cluster or spark)"),
        *("-p", "xdist", "-n", "2", "--timeout", "120"),
    ],
    # All of them use what was published once on each kind of cluster.
    "Spark tests": [
        *("tests/integrations/spark", "tests/hub", "-m", "spark and not waits"),
        *("--timeout", "300"),
    ],
    "tests that wait": [
        *("tests/e2e", "tests/integrations", "-m", "waits", "--timeout", "300"),
    ],
    "fault tests": [
        *("tests/faults", "--log-cli-level", "WARNING"),
        *(part for path in KERNEL_FAULTS for part in ("--ignore", path)),
    ],
    "fault tests of kernels": [*KERNEL_FAULTS, "--log-cli-level", "WARNING"],
    "fuzz tests": ["tests/fuzz", "-p", "xdist", "-n", "2", "--timeout", "600"],
    "every kind of cluster": [
        *("tests/versions", "-m", "cluster", "--timeout", "300", "--record-versions"),
    ],
}
MANY_ROUNDS = {
    "YARNHUB_FAULT_ROUNDS": "20",
    "YARNHUB_FUZZ_SEED": os.environ.get("YARNHUB_FUZZ_SEED") or str(secrets.randbits(32)),
}
"""For `./test faults`; in CI each fault strikes less often, at other moments each time, and parsers
are tried with the same bytes each time."""

DEMO = "demo"
CLASS_DATA = "class data of Spark"
PROGRAMS = {
    DEMO: ["examples/hub_demo.py", "--check"],
    CLASS_DATA: ["tests/integrations/spark/unpacked.py"],
}
"""Steps that are not of pytest."""
WANTED = {
    "check": (),
    "fast": ((("fast tests",),),),
    "faults": ((("fuzz tests", "fault tests"), ("fault tests of kernels",)),),
    "versions": ((("every kind of cluster",),),),
    "kernels": ((("kernel tests",),),),
    "all": (
        (("fast tests",),),
        (
            ("cluster tests", "hub tests"),
            (
                *("kernel tests", "kernel tests on a cluster", CLASS_DATA, "Spark tests", DEMO),
                *("fault tests", "fault tests of kernels"),
            ),
            ("tests that wait",),
        ),
    ),
}
"""Stages, one after the other, of lanes, side by side, of steps, one after the other. Tests on a
cluster wait most of the time."""
WITHOUT_CHECKS = ("faults", "versions", "kernels")


def main() -> int:
    """Run the checks that the first argument names, one of `WANTED`."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else "all"
    if wanted not in WANTED:
        print(f"Error: no checks are called {wanted!r}: {', '.join(WANTED)}", file=sys.stderr)
        return 2
    began = time.monotonic()
    for name, command in FAST.items() if wanted not in WITHOUT_CHECKS else ():
        if not step(name, [str(part) for part in command]):
            return 1
    variables = MANY_ROUNDS if wanted == "faults" else {}
    passed = failed = 0
    for stage in WANTED[wanted]:
        with ThreadPoolExecutor(len(stage)) as lanes:
            for counted in lanes.map(partial(run, variables=variables, shown=stage[0]), stage):
                passed, failed = passed + counted[0], failed + counted[1]
        if failed:
            break
    print(f"\nall steps took {time.monotonic() - began:.0f} s")
    if WANTED[wanted]:
        print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def run(
    lane: tuple[str, ...], variables: dict[str, str], shown: tuple[str, ...]
) -> tuple[int, int]:
    """Run the steps of a lane, all of them; returns what passed and what did not.

    Args:
        lane: The names of the steps.
        variables: Environment variables.
        shown: The lane whose output is shown as it comes; that of others follows a step's end.
    """
    passed = failed = 0
    for name in lane:
        if name in PROGRAMS:
            command = [PYTHON, *PROGRAMS[name]]
            failed += not step(name, command, variables, at_once=lane is shown)
        else:
            # pytest's usual folder is closed for other users by each pytest that starts.
            with tempfile.TemporaryDirectory(
                prefix="yarnhub-", ignore_cleanup_errors=True
            ) as folder:
                Path(folder).chmod(0o755)
                report = f"{folder}/report.xml"
                own = [f"--junitxml={report}", f"--basetemp={folder}/t"]
                command = [PYTHON, "-m", "pytest", *TESTS[name], *own]
                good = step(name, command, variables, at_once=lane is shown)
                counted = count(report)
            passed, failed = passed + counted[0], failed + (counted[1] or (not good))
    return passed, failed


def step(
    name: str,
    command: list[str],
    variables: dict[str, str] | None = None,
    *,
    at_once: bool = True,
) -> bool:
    """Run one step; says how long it took."""
    if at_once:
        print(f"\n==> {name}", flush=True)
    began = time.monotonic()
    environment = {**os.environ, **(variables or {})}
    kept = {} if at_once else {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    done = subprocess.run(command, check=False, env=environment, **kept)
    said = "" if at_once else f"\n\n==> {name}\n{done.stdout.decode(errors='replace')}"
    result = "ok" if done.returncode == 0 else f"FAILED ({done.returncode})"
    print(f"{said}--> {name}: {result}, {time.monotonic() - began:.1f} s", flush=True)
    return done.returncode == 0


def count(report: str) -> tuple[int, int]:
    """Tests that passed and that did not, from a JUnit report."""
    try:
        suites = list(ET.parse(report).getroot().iter("testsuite"))
    except (OSError, ET.ParseError):
        return 0, 1
    bad = sum(int(suite.get("failures", 0)) + int(suite.get("errors", 0)) for suite in suites)
    return sum(int(suite.get("tests", 0)) for suite in suites) - bad, bad


if __name__ == "__main__":
    sys.exit(main())
