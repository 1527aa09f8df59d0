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
TESTS = {
    "fast tests": [
        *("-m", "not cluster and not jupyter", "-p", "xdist", "-n", "2", "--timeout", "60"),
    ],
    "cluster tests": [
        *("-m", "cluster and not versions and not jupyter", "--timeout", "300"),
        *("--ignore", "tests/faults"),
    ],
    # In a process of its own: Jupyter leaves sockets to the garbage collector.
    "kernel tests on a cluster": [
        *("tests/integrations/kernels", "tests/server", "-m", "jupyter and cluster"),
        *("--timeout", "300"),
    ],
    "kernel tests": [
        *("tests/integrations/kernels", "tests/server", "-m", "jupyter and not cluster"),
        *("-p", "xdist", "-n", "2", "--timeout", "120"),
    ],
    "fault tests": ["tests/faults", "--log-cli-level", "WARNING"],
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

DEMO = [PYTHON, "examples/hub_demo.py", "--check"]
WANTED = {
    "check": (),
    "fast": ("fast tests",),
    "faults": ("fuzz tests", "fault tests"),
    "versions": ("every kind of cluster",),
    "kernels": ("kernel tests",),
    "all": (
        "fast tests",
        "kernel tests",
        "kernel tests on a cluster",
        "cluster tests",
        "fault tests",
    ),
}
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
    passed = failed = 0
    for name in WANTED[wanted]:
        with tempfile.NamedTemporaryFile(suffix=".xml") as report:
            command = [PYTHON, "-m", "pytest", *TESTS[name], f"--junitxml={report.name}"]
            good = step(name, command, MANY_ROUNDS if wanted == "faults" else {})
            counted = count(report.name)
        passed, failed = passed + counted[0], failed + counted[1] + (not good and not counted[1])
        if failed:
            break
    if wanted == "all" and not failed and not step("demo", DEMO):
        failed += 1
    print(f"\nall steps took {time.monotonic() - began:.0f} s")
    if WANTED[wanted]:
        print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def step(name: str, command: list[str], variables: dict[str, str] | None = None) -> bool:
    """Run one step; says how long it took."""
    print(f"\n==> {name}", flush=True)
    began = time.monotonic()
    environment = {**os.environ, **(variables or {})}
    code = subprocess.run(command, check=False, env=environment).returncode
    print(f"--> {name}: {'ok' if code == 0 else f'FAILED ({code})'}", end="")
    print(f", {time.monotonic() - began:.1f} s", flush=True)
    return code == 0


def count(report: str) -> tuple[int, int]:
    """Tests that passed and that did not, from a JUnit report."""
    try:
        suites = list(ET.parse(report).getroot().iter("testsuite"))
    except ET.ParseError:
        return 0, 1
    bad = sum(int(suite.get("failures", 0)) + int(suite.get("errors", 0)) for suite in suites)
    return sum(int(suite.get("tests", 0)) for suite in suites) - bad, bad


if __name__ == "__main__":
    sys.exit(main())
