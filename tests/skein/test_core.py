from __future__ import annotations

import builtins
import pickle

import pytest

import skein
from skein import exceptions
from skein.blocking import translate
from skein.container_properties import Properties
from skein.model import ApplicationState, ContainerState
from yarnhub.base import errors
from yarnhub.base.errors import FailureCode
from yarnhub.client.errors import ApplicationFailedError
from yarnhub.control.outcomes import Outcome


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.ConnectError("x"), skein.ConnectionError),
        (errors.ConnectionLostError("x", errors.CallOutcome.UNKNOWN), skein.ConnectionError),
        (errors.DeadlineExceededError("x"), skein.TimeoutError),
        (errors.SpecError("a.b", "x"), exceptions.RefusedError),
        (errors.ApplicationNotFoundError("java.X", "x"), ValueError),
        (errors.ControlError(FailureCode.INVALID, "x"), ValueError),
        (errors.ControlError(FailureCode.ENDED, "x"), skein.ConnectionError),
        (errors.ControlError(FailureCode.UNKNOWN_REQUEST, "x"), skein.DriverError),
        (errors.ConfigurationError("x"), skein.DriverError),
        (errors.AuthenticationError("x"), skein.DriverError),
        (errors.AccessDeniedError("java.X", "x"), skein.DriverError),
        (ApplicationFailedError("a", "FAILED", Outcome.of_message("x")), skein.DriverError),
    ],
)
def test_every_error_becomes_one_that_skeins_users_catch(
    error: errors.YarnhubError, kind: type[Exception]
) -> None:
    translated = translate(error, skein.DriverError)
    assert type(translated) is kind or translated is error
    assert isinstance(translated, kind)
    assert "x" in str(translated)


def test_plain_except_clauses_catch_skeins_errors() -> None:
    assert issubclass(skein.ConnectionError, builtins.ConnectionError)
    assert issubclass(skein.ConnectionError, OSError)
    assert issubclass(skein.TimeoutError, builtins.TimeoutError)
    assert issubclass(skein.ApplicationNotRunningError, skein.ConnectionError)
    assert issubclass(skein.DriverNotRunningError, skein.ConnectionError)
    for name in ("ConnectionError", "TimeoutError", "DriverError", "ApplicationError"):
        assert issubclass(getattr(skein, name), skein.SkeinError)


def test_every_public_name_is_there() -> None:
    for name in skein.__all__:
        assert getattr(skein, name) is not None
    assert set(skein.__all__) <= set(dir(skein))
    with pytest.raises(AttributeError, match="no attribute 'Clint'"):
        _ = skein.Clint


def test_states_equal_their_names_in_any_case() -> None:
    assert ApplicationState.RUNNING == "running"
    assert ApplicationState("finished") is ApplicationState.FINISHED
    assert str(ApplicationState.KILLED) == "KILLED"
    assert {ApplicationState.KILLED: 1}["KILLED"] == 1  # type: ignore[index]  # equal to its name
    assert pickle.loads(pickle.dumps(ContainerState.WAITING)) is ContainerState.WAITING
    assert ContainerState.values()[:2] == ("WAITING", "REQUESTED")
    with pytest.raises(ValueError, match="nosuch"):
        ApplicationState("nosuch")


def test_outside_of_a_container_properties_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SKEIN_APPLICATION_ID", "SKEIN_APPMASTER_ADDRESS", "SKEIN_CONTAINER_ID"):
        monkeypatch.delenv(name, raising=False)
    properties = Properties()
    assert properties.application_id is None
    assert properties.container_resources is None
    assert properties.container_dir is None
    assert len(dict(properties)) == 7
    with pytest.raises(KeyError):
        properties["nosuch"]
    with pytest.raises(ValueError, match="Not running inside a container"):
        skein.ApplicationClient.from_current()


def test_inside_a_container_properties_say_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKEIN_APPLICATION_ID", "application_1_0001")
    monkeypatch.setenv("SKEIN_CONTAINER_ID", "worker_3")
    monkeypatch.setenv("SKEIN_RESOURCE_MEMORY", "512")
    monkeypatch.setenv("SKEIN_RESOURCE_VCORES", "2")
    properties = Properties()
    assert properties["container_id"] == "worker_3"
    assert properties.container_resources == skein.Resources(memory=512, vcores=2)
