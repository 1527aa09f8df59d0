"""The body of a request for a kernel: read, bounded and checked; no I/O."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from yarnhub.base.errors import YarnhubError
from yarnhub.base.foreign_text import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_BODY = 256 * 1024
"""Bytes; clients send some of their variables, and a Linux process can have 2 MiB of them."""
MAX_VALUE = 32 * 1024
"""Characters of one variable."""
_NAME = re.compile(r"[\w.-]{1,200}", re.ASCII)
"""Jupyter's own rule for the names of kernelspecs."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")


class InvalidRequestBodyError(YarnhubError):
    """The body of a request is not valid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    """What a client wants to start.

    Attributes:
        name: The kernelspec's name; empty for the default one.
        id: The id that the client has chosen; empty if it has chosen none.
        env: Its variables that are allowed.
        username: The variable `KERNEL_USERNAME`; empty if it is not set.
    """

    name: str = ""
    id: str = ""
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    username: str = ""


def read_start_request(body: bytes, allowed: Iterable[str]) -> StartRequest:
    """Read the body of `POST /api/kernels`.

    Args:
        body: JSON with `name`, `kernel_id` and `env`, all of them optional; other members are
            ignored, because clients send some that only concern themselves.
        allowed: Names of variables that reach the kernel, or patterns such as `KERNEL_*`.

    Raises:
        InvalidRequestBodyError: It is not valid.
    """
    model = _object(body)
    name = model.get("name") or ""
    if not isinstance(name, str) or (name and not _NAME.fullmatch(name)):
        raise InvalidRequestBodyError(f"not a name of a kernelspec: {quoted(name)}")
    variables = _variables(model.get("env"))
    patterns = tuple(allowed)
    return StartRequest(
        name=name,
        id=_id(model.get("kernel_id")),
        env={
            name: value
            for name, value in variables.items()
            if any(fnmatchcase(name, pattern) for pattern in patterns)
        },
        username=variables.get("KERNEL_USERNAME", ""),
    )


def is_kernel_id(text: str) -> bool:
    """Whether a text is a UUID in its usual form."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _object(body: bytes) -> dict[str, object]:
    if not body.strip():
        return {}
    if len(body) > MAX_BODY:
        raise InvalidRequestBodyError(f"the body has more than {MAX_BODY} bytes")
    try:
        model = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestBodyError("the body is not JSON") from error
    if not isinstance(model, dict):
        raise InvalidRequestBodyError("the body is not a JSON object")
    return model


def _id(value: object) -> str:
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or not is_kernel_id(value):
        raise InvalidRequestBodyError(f"kernel_id is not a UUID in its usual form: {quoted(value)}")
    return value


def _variables(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidRequestBodyError("env is not a JSON object")
    variables = {}
    for name, text in value.items():
        if not _VARIABLE.fullmatch(name):
            raise InvalidRequestBodyError(f"not a name of a variable: {quoted(name)}")
        if not isinstance(text, str) or "\0" in text or not _encodable(text):
            raise InvalidRequestBodyError(f"the value of {name} is not a text")
        if len(text) > MAX_VALUE:
            raise InvalidRequestBodyError(f"{name} has more than {MAX_VALUE} characters")
        variables[name] = text
    return variables


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True
