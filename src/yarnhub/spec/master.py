"""The ApplicationMaster and the script that may run beside it."""

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
        script: Runs beside the ApplicationMaster; the application ends with it. Empty is none.
        log_level: How much the ApplicationMaster logs.
        log_config: A logging configuration of one's own.
        security: What the application's own pair is derived from; None is the client's own.
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
