"""What the kernel service and a user's server send each other, as JSON; no I/O.

All paths begin with `/yarnhub/api`, and requests carry the user's token:

- `GET kernels` answers with the user's kernels (`dump_kernels`) and an `ETag`. With
  `If-None-Match` and `Prefer: wait=SECONDS` (RFC 7240) it waits until something has changed, and
  answers 304 if nothing has.
- `PUT kernels/ID` starts a kernel; its body is `dump_start`. It can be repeated: the answer is the
  kernel with this id. The start continues if the client disconnects.
- `GET kernels/ID`, `POST kernels/ID/signal`, `.../restart`, `.../stop`, `.../note`, and
  `.../history`, which answers with messages as `protocol.pack_message` writes them.
- `DELETE kernels/ID` cancels a start that is in progress, and removes what is kept of a dead one.
- `GET kernels/ID/channels/NAME` is a websocket. The service sends `OPENED` as text when the channel
  is open, or an error and closes; from then on binary messages carry the bytes of the connection.
- `POST spark-connect` starts the user's Spark Connect server, of which there is one, or returns the
  one that runs; `GET` and `DELETE spark-connect` show and stop it. The answer is `ConnectModel`.
- `GET kernelspecs` and `GET kernelspecs/NAME/FILE`.

An answer with an error has a member `error` with what `dump_error` returns, if it is an error of
yarnhub's. Members that one side does not know are ignored: a user's environment may have another
version.
"""

from __future__ import annotations

import dataclasses
import enum
import json as plain_json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from yarnhub.base.errors import (
    CallOutcome,
    DeadlineExceededError,
    RemoteProtocolError,
    SpecError,
    YarnhubError,
)
from yarnhub.client.errors import ApplicationFailedError
from yarnhub.client.explain.reasons import Reason  # noqa: TC001  # json reads the annotation
from yarnhub.control import json
from yarnhub.control.outcomes import Outcome
from yarnhub.kernels.kernel import KernelStatus
from yarnhub.kernels.request import KernelRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.kernels.kernel import Kernel

T = TypeVar("T")

ROOT = "yarnhub/api"
OPENED = "opened"
MAX_WAIT = 50.0
"""Seconds for which `GET kernels` waits; many proxies close a silent connection after 60."""
MAX_NOTE = 128 * 1024
"""Characters of a note."""
MAX_FRAME = 256 * 1024
"""Bytes of one message of a channel's websocket."""
_Plain = dict[str, Any]  # JSON


class KernelServiceError(YarnhubError):
    """The kernel service refused a request."""


class KernelNotFoundError(KernelServiceError):
    """The kernel service has no such kernel or kernelspec for this user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a client asks for; everything else is from the service's own kernelspec.

    Attributes:
        name: The kernelspec's name at the service.
        env: Variables whose names begin with `KERNEL_`.
        cwd: The notebook's folder on the client's host; empty if unknown.
        notebook: The notebook's path; empty if unknown.
        note: What the client keeps with the kernel.
    """

    name: str
    env: dict[str, str] = field(default_factory=dict, repr=False)
    cwd: str = ""
    notebook: str = ""
    note: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelModel:
    """A kernel, as the service shows it to its owner.

    Attributes:
        request: What it was started with, without variables, files and prologue, which may have
            secrets of the service.
        application_id: Such as `application_1700000000000_0001`.
        key: The HMAC key of its messages.
        status: What is known of it.
    """

    request: KernelRequest
    application_id: str
    key: str = field(repr=False)
    status: KernelStatus

    @classmethod
    def of(cls, kernel: Kernel) -> KernelModel:
        """The model of a kernel."""
        return cls(
            request=kernel.request,
            application_id=kernel.application_id,
            key=kernel.key,
            status=kernel.status,
        )


class ConnectState(enum.Enum):
    """The state of a Spark Connect server."""

    WAITING = "waiting"
    """For its container."""
    STARTING = "starting"
    READY = "ready"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectModel:
    """A Spark Connect server, as the service shows it to its owner.

    Attributes:
        state: Its state.
        reason: What it waits for, or why it has ended, in words; empty if it is ready.
        application: Such as `application_1700000000000_0001`; empty before YARN has accepted it.
        remote: What `SparkSession.builder.remote` takes, with the token; empty unless it is ready.
        certificate: What clients verify it by, in PEM; the same.
    """

    state: ConnectState
    reason: str = ""
    application: str = ""
    remote: str = field(default="", repr=False)
    certificate: str = ""


def dump_connect(model: ConnectModel) -> bytes:
    """The JSON form of a Spark Connect server."""
    return json.dump(model)


def load_connect(body: bytes) -> ConnectModel:
    """Read a Spark Connect server.

    Raises:
        RemoteProtocolError: It is invalid.
    """
    return _known(ConnectModel, _object(body))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """The members of a request that are sent."""

    id: str
    owner: str
    user: str
    name: str
    argv: tuple[str, ...] = ()
    cwd: str = ""
    interrupt: str = "signal"
    transport: str = "ipc"
    queue: str = "default"
    memory: int = 0
    vcores: int = 0
    resource_types: dict[str, int] = field(default_factory=dict)
    node_label: str = ""
    priority: int = 0
    notebook: str = ""
    note: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waits:
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    request: _Request
    application_id: str
    key: str = field(repr=False)
    status: KernelStatus


_SENT = tuple(each.name for each in dataclasses.fields(_Request))


def dump_start(request: KernelRequest) -> bytes:
    """The body of the request that starts a kernel."""
    # What `kernelspec.request_of` adds: the service has its own names for them.
    told = {"KERNEL_ID": request.id, "KERNEL_USERNAME": request.owner}
    env = {
        name: value
        for name, value in request.env.items()
        if name.startswith("KERNEL_") and told.get(name) != value
    }
    return json.dump(
        Start(
            name=request.name,
            env=env,
            cwd=request.cwd,
            notebook=request.notebook,
            note=request.note,
        ),
    )


def load_start(body: bytes) -> Start:
    """Read the body of the request that starts a kernel.

    Raises:
        RemoteProtocolError: It is invalid.
    """
    start = _known(Start, _object(body))
    check_note(start.note)
    return start


def check_note(note: object) -> None:
    """Refuse a note that is not one.

    Raises:
        RemoteProtocolError: It is not a text, or too long.
    """
    if not isinstance(note, str) or len(note) > MAX_NOTE:
        raise RemoteProtocolError(f"note must be a text of at most {MAX_NOTE} characters")


def dump_kernel(model: KernelModel) -> bytes:
    """The JSON form of one kernel."""
    sent = _Request(**{name: getattr(model.request, name) for name in _SENT})
    return json.dump(
        _Model(
            request=sent,
            application_id=model.application_id,
            key=model.key,
            status=model.status,
        )
    )


def load_kernel(body: bytes) -> KernelModel:
    """Read one kernel.

    Raises:
        RemoteProtocolError: It is invalid.
    """
    return _read_model(_object(body))


def dump_kernels(models: Iterable[KernelModel]) -> bytes:
    """The JSON form of a user's kernels."""
    return b'{"kernels":[' + b",".join(map(dump_kernel, models)) + b"]}"


def load_kernels(body: bytes) -> list[KernelModel]:
    """Read a user's kernels.

    Raises:
        RemoteProtocolError: They are invalid.
    """
    found = _object(body).get("kernels")
    if not isinstance(found, list):
        raise RemoteProtocolError("there is no list of kernels")
    return [_read_model(each) for each in found]


def dump_error(error: YarnhubError) -> _Plain:
    """An error as JSON."""
    plain: _Plain = {"message": str(error)}
    match error:
        case SpecError():
            plain |= {"kind": "spec", "path": error.path, "reason": error.reason}
        case ApplicationFailedError():
            plain |= {
                "kind": "failed",
                "application_id": error.application_id,
                "state": error.state,
                "outcome": plain_json.loads(json.dump(error.outcome)),
            }
        case DeadlineExceededError():
            plain |= {"kind": "deadline", "outcome": error.outcome.value}
        case KernelNotFoundError():
            plain |= {"kind": "not found"}
        case _:
            plain |= {"kind": "refused"}
    return plain


def load_error(plain: object, message: str) -> YarnhubError:
    """The error that `dump_error` has written.

    Args:
        plain: The member `error` of an answer.
        message: Used if there is no such member.
    """
    if not isinstance(plain, dict):
        return KernelServiceError(message)
    text = str(plain.get("message") or message)
    try:
        match plain.get("kind"):
            case "spec":
                return SpecError(str(plain["path"]), str(plain["reason"]))
            case "failed":
                outcome = _known(Outcome, plain["outcome"])
                return ApplicationFailedError(
                    str(plain["application_id"]), str(plain["state"]), outcome
                )
            case "deadline":
                return DeadlineExceededError(text, CallOutcome(plain["outcome"]))
            case "not found":
                return KernelNotFoundError(text)
            case _:
                return KernelServiceError(text)
    except (KeyError, ValueError, RemoteProtocolError):
        return KernelServiceError(text)


# --- how


def _read_model(plain: object) -> KernelModel:
    members = _members(_Model, plain)
    members["request"] = _members(_Request, members.get("request"))
    status = members["status"] = _members(KernelStatus, members.get("status"))
    if not _is_known_reason(status.get("waits_for")):
        status["waits_for"] = None
    if status.get("outcome") is not None:
        status["outcome"] = _members(Outcome, status["outcome"])
    found = json.load(_Model, plain_json.dumps(members).encode())
    return KernelModel(
        request=KernelRequest(**{name: getattr(found.request, name) for name in _SENT}),
        application_id=found.application_id,
        key=found.key,
        status=found.status,
    )


def _is_known_reason(plain: object) -> bool:
    if plain is None:
        return True
    try:
        json.load(_Waits, plain_json.dumps({"reason": plain}).encode())
    except RemoteProtocolError:
        return False  # of another version
    return True


def _known(cls: type[T], plain: object) -> T:
    """Read a dataclass without the members that it does not have."""
    return json.load(cls, plain_json.dumps(_members(cls, plain)).encode())


def _members(cls: Any, plain: object) -> _Plain:
    if not isinstance(plain, dict):
        raise RemoteProtocolError(f"{cls.__name__}: not a JSON object")
    return {each.name: plain[each.name] for each in dataclasses.fields(cls) if each.name in plain}


def _object(body: bytes) -> _Plain:
    try:
        plain = plain_json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RemoteProtocolError("the body is not JSON") from error
    if not isinstance(plain, dict):
        raise RemoteProtocolError("the body is not a JSON object")
    return plain
