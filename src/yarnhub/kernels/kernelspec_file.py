"""A whole `kernel.json`: what of it is checked, and what a new one contains; no I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.base.errors import SpecError
from yarnhub.base.foreign_text import quoted
from yarnhub.kernels.kernelspec import PROVISIONER, Kernelspec, read, request_of
from yarnhub.spec import _reading as reading

if TYPE_CHECKING:
    from yarnhub.kernels.kernelspec import KernelspecConfig

_NAME = re.compile(r"[a-z0-9._-]+")
_SOME_ID = "00000000-0000-4000-8000-000000000000"

PYTHON: Mapping[str, object] = {
    "argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
    "display_name": "Python on YARN",
    "language": "python",
    "interrupt_mode": "signal",
    "metadata": {"debugger": True},
}
"""ipykernel, in the kernel's environment."""
R_ARGV = ("R", "--slave", "-e", "IRkernel::main()", "--args", "{connection_file}")
"""The command of IRkernel."""
R: Mapping[str, object] = {
    "argv": [*R_ARGV],
    "display_name": "R on YARN",
    "language": "R",
    "interrupt_mode": "signal",
}
"""IRkernel, in the R of the kernel's environment. It can bind Unix sockets."""
SCALA: Mapping[str, object] = {
    "argv": PYTHON["argv"],
    "display_name": "Scala with Spark on YARN",
    "language": "scala",
    "interrupt_mode": "signal",
}
"""ipykernel in the kernel's environment, which has Spark's own Scala run the cells: only with
`config.spark`."""
LANGUAGES = {"python": PYTHON, "r": R}
"""The kernels whose kernel.json is known, without Spark."""
SPARK_LANGUAGES = {"python": PYTHON, "scala": SCALA}
"""The same with Spark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelspecFile:
    """A `kernel.json` for the provisioner `yarnhub`.

    Attributes:
        display_name: What users read.
        language: The kernel's.
        spec: What Jupyter reads of it.
        config: The provisioner's part.
    """

    display_name: str
    language: str
    spec: Kernelspec
    config: KernelspecConfig


def check_name(name: str) -> str:
    """Accept the name of a kernelspec, which is a folder's; returns it in lower case.

    Raises:
        SpecError: Jupyter does not accept it.
    """
    if not _NAME.fullmatch(name.lower()) or name.startswith("."):
        raise SpecError(
            "name", f"must consist of letters, digits, '.', '_' and '-', not {quoted(name)}"
        )
    return name.lower()


def load(text: str) -> Mapping[str, object]:
    """The document in a `kernel.json`.

    Raises:
        SpecError: It is not a JSON object.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SpecError("", f"not a JSON document: {error}") from error
    return reading.as_mapping(document)


def provisioner(document: Mapping[str, object]) -> str:
    """The name of the provisioner of a kernelspec; empty for Jupyter's default one."""
    found = _mapping(_mapping(document.get("metadata")).get("kernel_provisioner"))
    return str(found.get("provisioner_name") or "")


def parse(name: str, document: Mapping[str, object]) -> KernelspecFile:
    """Check a kernelspec as a whole.

    Args:
        name: The kernelspec's.
        document: The content of its `kernel.json`.

    Raises:
        SpecError: It is not for this provisioner, or invalid.
    """
    if provisioner(document) != PROVISIONER:
        raise SpecError("metadata.kernel_provisioner.provisioner_name", f"must be {PROVISIONER!r}")
    metadata = _mapping(document["metadata"])
    config = _mapping(metadata["kernel_provisioner"]).get("config")
    with reading.at("argv"):
        argv = reading.sequence(reading.text)(document.get("argv"))
    with reading.at("env"):
        env = reading.mapping(reading.text, reading.text)(document.get("env") or {})
    texts = {}
    for key, default in (("display_name", name), ("language", ""), ("interrupt_mode", "signal")):
        with reading.at(key):
            texts[key] = reading.text(document.get(key, default))
    found = KernelspecFile(
        display_name=texts["display_name"],
        language=texts["language"],
        spec=Kernelspec(name=name, argv=argv, env=env, interrupt_mode=texts["interrupt_mode"]),
        config=read({} if config is None else config),
    )
    request_of(found.config, found.spec, id=_SOME_ID, owner="user", user="user", asked={})
    return found


def for_yarn(
    template: Mapping[str, object], config: Mapping[str, object], display_name: str = ""
) -> dict[str, object]:
    """The document of a kernelspec for this provisioner.

    Args:
        template: Has all but the provisioner; its own provisioner's `config` is kept if it is this
            one.
        config: Keys of `config`.
        display_name: Instead of the template's.
    """
    metadata = dict(_mapping(template.get("metadata")))
    before: Mapping[str, object] = {}
    if provisioner(template) == PROVISIONER:
        before = _mapping(_mapping(metadata["kernel_provisioner"]).get("config"))
    metadata["kernel_provisioner"] = {
        "provisioner_name": PROVISIONER,
        "config": {**before, **config},
    }
    named = {"display_name": display_name} if display_name else {}
    return {**template, **named, "metadata": metadata}


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
