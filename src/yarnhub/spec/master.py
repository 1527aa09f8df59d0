"""The ApplicationMaster and the script that may run in its container."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from yarnhub.base.names import Name
from yarnhub.base.units import MiB, VCores
from yarnhub.spec import _reading as read
from yarnhub.spec.file import File
from yarnhub.spec.resources import Resources
from yarnhub.spec.security import Security
from yarnhub.spec.service import Process


class LogLevel(Name):
    """How much the ApplicationMaster logs, in log4j's words."""

    ALL = "ALL"
    TRACE = "TRACE"
    DEBUG = "DEBUG"
    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"
    FATAL = "FATAL"
    OFF = "OFF"


@dataclass(frozen=True, slots=True, kw_only=True)
class Master(Process):
    """The ApplicationMaster's container.

    Attributes:
        resources: For the ApplicationMaster and its script together.
        script: Runs in the ApplicationMaster's container; the application ends with it. Empty for
            none.
        log_level: How much the ApplicationMaster logs.
        log_config: A custom logging configuration.
        security: The pair from which the application's own is derived; None for the client's.
    """

    resources: Resources = field(default=Resources(memory=MiB(512), vcores=VCores(1)))
    script: str = ""
    log_level: LogLevel = LogLevel.INFO
    log_config: File | None = None
    security: Security | None = None

    checks: ClassVar[read.Checks] = {
        **Process.checks,
        "resources": Resources.read,
        "script": read.text,
        "log_level": read.member(LogLevel),
        "log_config": File.read,
        "security": Security.read,
    }
