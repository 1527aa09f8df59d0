"""What is documented of refusals is what applications answer."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from docs.blocks import PROJECT
from yarnhub.base.errors import ControlError, FailureCode, RemoteProtocolError
from yarnhub.control import json
from yarnhub.control.messages import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSE = {"ControlError", "Failure", "RefusedError"}


def codes() -> Iterator[FailureCode]:
    """The code of each refusal in the sources."""
    for folder in ("appmaster", "unmanaged", "client"):
        for file in (PROJECT / "src" / "yarnhub" / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                match node:
                    case ast.Call(func=ast.Name(id=name), args=[ast.Attribute(attr=code), *_]):
                        if name in REFUSE and code in FailureCode.__members__:
                            yield FailureCode[code]
                    case _:
                        pass


def test_each_code_that_is_documented_is_answered_somewhere_and_no_other() -> None:
    documented = set(FailureCode)
    assert set(codes()) == documented - {FailureCode.OTHER}
    attributes = (ControlError.__doc__ or "").partition("code:")[2]
    assert set(re.findall(r"`([\w-]+)`", attributes)) == documented


def test_a_code_of_another_version_can_be_read() -> None:
    failure = json.load(Failure, b'{"code":"eclipsed","message":"no light"}')
    assert failure == Failure(FailureCode.OTHER, "no light")
    with pytest.raises(RemoteProtocolError):
        json.load(Failure, b'{"code":7,"message":""}')
    for code in FailureCode:
        assert json.load(Failure, json.dump(Failure(code, "x"))).code is code
