from __future__ import annotations

from yarnhub.environments.local_build.key import environment_key
from yarnhub.environments.requirements import LockedPackage

SIX = LockedPackage("six", "1.17", ("sha256:aa", "sha256:bb"))
ATTRS = LockedPackage("attrs", "25", ("sha256:cc",))
KEY = environment_key([SIX, ATTRS], "interpreter", "linux-x86_64-gnu", "2.36")


def test_the_order_does_not_matter() -> None:
    swapped = LockedPackage("six", "1.17", ("sha256:bb", "sha256:aa"))
    assert environment_key([ATTRS, swapped], "interpreter", "linux-x86_64-gnu", "2.36") == KEY


def test_everything_else_does() -> None:
    changed = [
        environment_key([SIX], "interpreter", "linux-x86_64-gnu", "2.36"),
        environment_key([SIX, ATTRS], "another", "linux-x86_64-gnu", "2.36"),
        environment_key([SIX, ATTRS], "interpreter", "linux-aarch64-gnu", "2.36"),
        environment_key([SIX, ATTRS], "interpreter", "linux-x86_64-gnu", "2.28"),
        *(
            environment_key([each, ATTRS], "interpreter", "linux-x86_64-gnu", "2.36")
            for each in (
                LockedPackage("sixx", "1.17", SIX.hashes),
                LockedPackage("six", "1.18", SIX.hashes),
                LockedPackage("six", "1.17", ("sha256:aa",)),
                LockedPackage("six", "1.17", SIX.hashes, "python_version < '4'"),
            )
        ),
    ]
    assert len({KEY, *changed}) == len(changed) + 1


def test_the_key_stays_the_same_in_later_versions() -> None:
    """Environments that sites have published would be built again."""
    assert KEY == "1cad461fda75cd6354b42069276fadfd92fd6e56fbef89798b8c5536fc880d70"
