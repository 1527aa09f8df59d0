"""Variables that are made when they are used, and what happens at an import."""

from __future__ import annotations

import importlib
import sys
import types
from typing import TYPE_CHECKING

import pytest

from yarnhub.integrations.spark.driver.kernel import Names, install_on_import

if TYPE_CHECKING:
    from pathlib import Path


class Session:
    """PySpark's session and context, as far as variables matter."""

    made = 0

    def __init__(self) -> None:
        type(self).made += 1
        self.sparkContext = object()


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setattr(Session, "made", 0)
    return Session()


def test_names_are_made_by_code_of_any_kind(session: Session) -> None:
    names = Names(lambda: session, lambda: True)
    assert "spark" not in names
    assert names.get("spark") is None
    code = """
def inner():
    return sc
found = [inner() for _ in range(2)], spark
del spark
again = spark
"""
    exec(code, names)
    assert names["found"] == ([session.sparkContext] * 2, session)
    assert names["again"] is session
    with pytest.raises(NameError):
        exec("other", names)


def test_variables_of_the_user_are_kept(session: Session) -> None:
    names = Names(lambda: session, lambda: True)
    names["sc"] = "mine"
    assert names["spark"] is session
    assert names["sc"] == "mine"


def test_what_is_not_the_user_s_code_makes_nothing(session: Session) -> None:
    names = Names(lambda: pytest.fail("made"), lambda: False)
    with pytest.raises(KeyError):
        names["spark"]


def test_objects_of_a_session_that_ended_are_forgotten(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("pyspark")
    module.__dict__.update(sql=types.SimpleNamespace(SparkSession=Session), SparkContext=Session)
    monkeypatch.setitem(sys.modules, "pyspark", module)
    names = Names(lambda: session, lambda: True)
    assert names["spark"] is session
    names["sc"] = "mine"
    names.forget()
    assert dict(names) == {"sc": "mine"}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package called pyspark."""
    (tmp_path / "pyspark.py").write_text("counted = globals().get('counted', 0) + 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.delitem(sys.modules, "pyspark", raising=False)
    return tmp_path


def test_the_hooks_are_installed_at_the_first_import(package: Path) -> None:
    calls: list[int] = []
    install_on_import(lambda: calls.append(sys.modules["pyspark"].counted))
    assert calls == []
    module = importlib.import_module("pyspark")
    assert (calls, module.counted) == ([1], 1)
    assert module.__spec__ is not None
    assert module.__spec__.loader is module.__loader__
    assert "kernel" not in type(module.__loader__).__module__
    importlib.import_module("pyspark")
    assert calls == [1]
    del sys.modules["pyspark"]


def test_they_are_installed_at_once_if_it_was_imported_before(package: Path) -> None:
    importlib.import_module("pyspark")
    calls: list[int] = []
    install_on_import(lambda: calls.append(1))
    assert calls == [1]
    del sys.modules["pyspark"]
