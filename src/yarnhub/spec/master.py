"""The ApplicationMaster and the script that may run beside it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from yarnhub.base.units import MiB, VCores
from yarnhub.spec._process import Process
from yarnhub.spec._reading import checked, member, override, text
from yarnhub.spec.file import File
from yarnhub.spec.resources import Resources
from yarnhub.spec.security import Security


class LogLevel(enum.Enum):
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
        security: What client and ApplicationMaster know each other by; None is the client's own.
    """

    resources: Resources = field(
        default=Resources(memory=MiB(512), vcores=VCores(1)), metadata=checked(Resources.read)
    )
    script: str = field(default="", metadata=checked(text))
    log_level: LogLevel = field(default=LogLevel.INFO, metadata=checked(member(LogLevel)))
    log_config: File | None = field(default=None, metadata=checked(File.read))
    security: Security | None = field(default=None, metadata=checked(Security.read))

    @override
    def to_dict(self, *, secrets: bool = False) -> dict[str, object]:
        """Write the document that `from_dict` reads, defaults included.

        Args:
            secrets: Whether a private key is written. Otherwise a `security` that holds one is
                left out as a whole: what is written can be read back.
        """
        document = Process.to_dict(self, secrets=secrets)
        if self.security is not None and self.security.key_bytes is not None and not secrets:
            del document["security"]
        return document
