from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarnhub.base.errors import SpecError
from yarnhub.environments.requirements import (
    LockedPackage,
    is_lock,
    read_lock,
    read_requirements,
    requirement,
    write_lock,
)

A, B = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("numpy", "numpy"),
        (" numpy >= 2, <3 ", "numpy<3,>=2"),
        ("dask[complete]==2026.1 ; python_version > '3.9'", None),
    ],
)
def test_a_requirement_has_a_normal_form(text: str, normal: str | None) -> None:
    found = requirement(text)
    assert normal is None or found == normal
    assert requirement(found) == found


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("-e .", "is an option"),
        ("--index-url http://elsewhere", "is an option"),
        ("-r /etc/passwd", "is an option"),
        ("./package", "is a path or a URL"),
        ("/tmp/x.whl", "is a path or a URL"),
        ("~/x.whl", "is a path or a URL"),
        ("git+https://host/x", "is a path or a URL"),
        ("file:///tmp/x.whl", "is a path or a URL"),
        ("six @ https://host/six.whl", "is a path or a URL"),
        ("six; rm -rf /", "is not a requirement"),
        ("six$(id)", "is not a requirement"),
        ("six\n--index-url http://elsewhere", "must be one line"),
        ("six==", "is not a requirement"),
        ("", "must be text that is not empty"),
        ("x" * 2000, "has more than 500 characters"),
    ],
)
def test_anything_else_is_refused(text: str, reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        requirement(text)


def test_a_file_of_requirements() -> None:
    text = "# ours\nnumpy>=2  # fast\n\nsix \\\n  ==1.17\r\npandas\n"
    assert read_requirements(text) == ("numpy>=2", "six==1.17", "pandas")


def test_an_error_names_the_line() -> None:
    with pytest.raises(SpecError) as caught:
        read_requirements("six \\\n ==1\n# x\n-e .\n")
    assert caught.value.path == "line 4"


def test_a_lock_is_read_sorted_and_written() -> None:
    text = (
        f"Zope.Interface==1 --hash=sha256:{A}\n"
        f"attrs==2 ; python_version < '4' \\\n    --hash=sha256:{B} \\\n    --hash=sha256:{A}\n"
    )
    packages = read_lock(text)
    assert packages == (
        LockedPackage("attrs", "2", (f"sha256:{A}", f"sha256:{B}"), 'python_version < "4"'),
        LockedPackage("zope-interface", "1", (f"sha256:{A}",)),
    )
    assert read_lock(write_lock(packages)) == packages


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("six==1", "has no hash"),
        (f"six>=1 --hash=sha256:{A}", "has no exact version"),
        (f"six==1.* --hash=sha256:{A}", "has no exact version"),
        (f"six --hash=sha256:{A}", "has no exact version"),
        (f"./six --hash=sha256:{A}", "is a path or a URL"),
        (f"--index-url http://x --hash=sha256:{A}", "is an option"),
        (f"six==1 --hash=md5:{'a' * 32}", "is not a requirement"),
        (f"six==1 --hash=sha256:{A}\nsix==1 --hash=sha256:{A}", "line 2: six is given twice"),
    ],
)
def test_a_lock_without_hashes_or_versions_is_refused(line: str, reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        read_lock(line)


def test_a_file_with_hashes_is_a_lock() -> None:
    assert is_lock(f"six==1 \\\n --hash=sha256:{A}")
    assert not is_lock("six==1")
    with pytest.raises(SpecError, match="use the file as a lock"):
        read_requirements(f"six==1 --hash=sha256:{A}")


@given(st.text() | st.text(alphabet="six=<>~!@;[]()'\"-._ \\\n#12*/:"))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (read_requirements, read_lock):
        try:
            read(text)
        except SpecError:
            continue
