"""The ids of applications, attempts, containers and nodes, and their text forms.

Source: yarn_protos.proto; org.apache.hadoop.yarn.api.records.{ApplicationId, ContainerId}.toString.
"""

from __future__ import annotations

from dataclasses import dataclass

from yarnhub.base.foreign_text import quoted
from yarnhub.hadoop.codec import proto
from yarnhub.hadoop.scalars import INT32, INT64, STRING

_CONTAINER_BITS = 40
"""A container id holds the ResourceManager's epoch above its lower 40 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationId:
    """An application: `application_<ResourceManager's start in ms>_<number>`."""

    id: int = proto(1, INT32, 0)
    cluster_timestamp: int = proto(2, INT64, 0)

    def __str__(self) -> str:
        return f"application_{self.cluster_timestamp}_{self.id:04d}"

    @classmethod
    def parse(cls, text: str) -> ApplicationId:
        """Read the text form.

        Raises:
            ValueError: It is not an application id.
        """
        kind, _, rest = text.strip().partition("_")
        timestamp, _, number = rest.partition("_")
        if kind != "application" or not (timestamp.isdecimal() and number.isdecimal()):
            raise ValueError(
                f"Invalid application id {quoted(text)}: one looks like "
                "application_1533143063639_0021"
            )
        return cls(id=int(number), cluster_timestamp=int(timestamp))


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationAttemptId:
    """One run of an application's AM: `appattempt_<timestamp>_<number>_<attempt>`."""

    application_id: ApplicationId = proto(1, ApplicationId, ApplicationId())
    attempt_id: int = proto(2, INT32, 0)

    def __str__(self) -> str:
        app = self.application_id
        return f"appattempt_{app.cluster_timestamp}_{app.id:04d}_{self.attempt_id:06d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerId:
    """A container: `container_[e<epoch>_]<timestamp>_<number>_<attempt>_<container>`."""

    app_attempt_id: ApplicationAttemptId = proto(2, ApplicationAttemptId, ApplicationAttemptId())
    id: int = proto(3, INT64, 0)

    def __str__(self) -> str:
        attempt = self.app_attempt_id
        app = attempt.application_id
        epoch = self.id >> _CONTAINER_BITS
        number = self.id & (1 << _CONTAINER_BITS) - 1
        return (
            f"container_{f'e{epoch:02d}_' if epoch else ''}{app.cluster_timestamp}_{app.id:04d}"
            f"_{attempt.attempt_id:02d}_{number:06d}"
        )

    @classmethod
    def parse(cls, text: str) -> ContainerId:
        """Read the text form.

        Raises:
            ValueError: It is not a container id.
        """
        parts = text.strip().split("_")
        epoch = 0
        if len(parts) == 6 and parts[1].startswith("e") and parts[1][1:].isdecimal():
            epoch = int(parts.pop(1)[1:])
        if len(parts) != 5 or parts[0] != "container" or not all(p.isdecimal() for p in parts[1:]):
            raise ValueError(
                f"{quoted(text)} is not a container id; one looks like"
                f" container_1533143063639_0021_01_000002"
            )
        timestamp, app, attempt, number = map(int, parts[1:])
        application_id = ApplicationId(id=app, cluster_timestamp=timestamp)
        return cls(
            app_attempt_id=ApplicationAttemptId(application_id=application_id, attempt_id=attempt),
            id=epoch << _CONTAINER_BITS | number,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeId:
    """A NodeManager: host name and RPC port."""

    host: str = proto(1, STRING, "")
    port: int = proto(2, INT32, 0)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"
