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
from pathlib import Path

PYTHON = sys.executable
BIN = Path(PYTHON).parent

FAST: dict[str, list[str | Path]] = {
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
CLUSTER = ("--timeout", "300", "--ignore", "tests/faults")
TESTS: dict[str, list[str]] = {
    "fast tests": [
        *("-m", "not cluster and not jupyter", "-p", "xdist", "-n", "2", "--timeout", "60"),
    ],
    "cluster tests": [*CLUSTER, "-m", "simple and not versions"],
    "Kerberos tests": [*CLUSTER, "-m", "cluster and not simple and not versions"],
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
WANTED: dict[str, tuple[tuple[str, ...], ...]] = {
    "check": (),
    "fast": (("fast tests",),),
    "faults": (("fuzz tests",), ("fault tests",)),
    "versions": (("every kind of cluster",),),
    "kernels": (("kernel tests",),),
    # Clusters mostly wait: two have room beside each other.
    "all": (
        ("fast tests",),
        ("kernel tests",),
        ("cluster tests", "Kerberos tests"),
        ("fault tests",),
    ),
}
"""What each argument runs: one group after the other, the steps of a group at the same time."""
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
    for names in WANTED[wanted]:
        for counted in tests(names, MANY_ROUNDS if wanted == "faults" else {}):
            passed, failed = passed + counted[0], failed + counted[1]
        if failed:
            break
    if wanted == "all" and not failed and not step("demo", DEMO):
        failed += 1
    print(f"\nall steps took {time.monotonic() - began:.0f} s")
    if WANTED[wanted]:
        print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def tests(names: tuple[str, ...], variables: dict[str, str]) -> list[tuple[int, int]]:
    """Run steps of tests at the same time; returns how many passed and failed, of each."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor() as pool:
        reports = [Path(folder, f"{number}.xml") for number in range(len(names))]
        good = pool.map(
            lambda name, report: step(
                name,
                [PYTHON, "-m", "pytest", *TESTS[name], f"--junitxml={report}"],
                variables,
                shown=name == names[0],
            ),
            names,
            reports,
        )
        return [count(report, good=each) for report, each in zip(reports, good, strict=True)]


def step(
    name: str, command: list[str], variables: dict[str, str] | None = None, *, shown: bool = True
) -> bool:
    """Run one step; says how long it took, and shows what it prints: at its end if not `shown`."""
    print(f"\n==> {name}", flush=True)
    began = time.monotonic()
    environment = {**os.environ, **(variables or {})}
    output = None if shown else subprocess.PIPE
    done = subprocess.run(command, check=False, env=environment, stdout=output, stderr=output)
    if done.stdout or done.stderr:
        print(f"\n==> {name}, which ran meanwhile\n{done.stdout.decode()}{done.stderr.decode()}")
    code = done.returncode
    print(f"--> {name}: {'ok' if code == 0 else f'FAILED ({code})'}", end="")
    print(f", {time.monotonic() - began:.1f} s", flush=True)
    return code == 0


def count(report: Path, *, good: bool) -> tuple[int, int]:
    """Tests that passed and that did not, from a JUnit report; one more if it ended otherwise."""
    try:
        suites = list(ET.parse(report).getroot().iter("testsuite"))
    except (OSError, ET.ParseError):
        return 0, 1
    bad = sum(int(suite.get("failures", 0)) + int(suite.get("errors", 0)) for suite in suites)
    total = sum(int(suite.get("tests", 0)) for suite in suites)
    return total - bad, bad or int(not good)


if __name__ == "__main__":
    sys.exit(main())
