"""Java exceptions in our own tree."""

from __future__ import annotations

import pytest

from yarnhub.base.errors import (
    AccessDeniedError,
    ApplicationNotFoundError,
    AttemptNotFoundError,
    AuthenticationError,
    InvalidRequestError,
    NotRegisteredError,
    QueueAccessDeniedError,
    RemoteError,
    ServerBusyError,
    StaleContainerError,
    StandbyError,
    YarnhubError,
)
from yarnhub.filesystem.errors import translate_java
from yarnhub.hadoop.ipc.translation import translate

YARN = "org.apache.hadoop.yarn.exceptions."
SECURITY = "org.apache.hadoop.security."


@pytest.mark.parametrize(
    ("java_class", "error"),
    [
        (YARN + "ApplicationNotFoundException", ApplicationNotFoundError),
        (YARN + "ApplicationAttemptNotFoundException", AttemptNotFoundError),
        (YARN + "ApplicationMasterNotRegisteredException", NotRegisteredError),
        (YARN + "InvalidResourceRequestException", InvalidRequestError),
        (YARN + "InvalidLabelResourceRequestException", InvalidRequestError),
        (YARN + "InvalidContainerException", StaleContainerError),
        (SECURITY + "AccessControlException", AccessDeniedError),
        (SECURITY + "authorize.AuthorizationException", AccessDeniedError),
        (SECURITY + "token.SecretManager$InvalidToken", AuthenticationError),
        ("javax.security.sasl.SaslException", AuthenticationError),
        ("org.ietf.jgss.GSSException", AuthenticationError),
        ("java.lang.SecurityException", AccessDeniedError),
        ("org.apache.hadoop.ipc.StandbyException", StandbyError),
        ("org.apache.hadoop.ipc.RetriableException", ServerBusyError),
        ("java.io.IOException", RemoteError),
        ("", RemoteError),
    ],
)
def test_each_class_has_its_error(java_class: str, error: type[YarnhubError]) -> None:
    made = translate(java_class, "text\n\tat x.Y", method="m", address="rm:1")
    assert type(made) is error
    assert "text" in str(made)
    assert "rm:1" in str(made)
    assert "x.Y" not in str(made)


def test_an_attempt_that_is_over_is_not_taken_for_a_wrong_token() -> None:
    # What a ResourceManager that took over says of an attempt that ended under the one before.
    text = "appattempt_1_0001_000001 not found in AMRMTokenSecretManager."
    made = translate(SECURITY + "token.SecretManager$InvalidToken", text, address="rm:1")
    assert type(made) is AttemptNotFoundError
    assert text in str(made)


def test_a_queue_to_which_nothing_can_be_moved() -> None:
    # ClientRMService.moveApplicationAcrossQueues, in the exception that wraps others.
    text = (
        f"{SECURITY}AccessControlException: User bob cannot submit applications to target queue or "
        "the target queue doesn't exist: apples while moving application_1_0001"
    )
    made = translate(YARN + "YarnException", text)
    assert type(made) is QueueAccessDeniedError


def test_a_token_that_is_not_known_yet_is_asked_for_again() -> None:
    # What a daemon says while it becomes the active one: new RetriableException(InvalidToken).
    text = f"{SECURITY}token.SecretManager$InvalidToken: token (x) can't be found in cache"
    made = translate("org.apache.hadoop.ipc.RetriableException", text)
    assert type(made) is ServerBusyError
    assert made.retriable
    assert type(translate(YARN + "YarnException", text)) is RemoteError


def test_a_token_that_webhdfs_does_not_know_is_no_question_of_rights() -> None:
    text = f"{SECURITY}token.SecretManager$InvalidToken: token (x) can't be found in cache"
    made = translate_java(
        "java.lang.SecurityException",
        f"Failed to obtain user group information: {text}",
        action="read",
        path="hdfs://a/b",
    )
    assert type(made) is AuthenticationError


def test_what_can_be_repeated_says_so() -> None:
    assert translate("a.StandbyException", "").retriable
    assert translate("a.RetriableException", "").retriable
    assert translate("a.SaslException", "GSS initiate failed [Request is a replay (34)]").retriable
    assert not translate("a.SaslException", "GSS initiate failed").retriable
    assert not translate("a.AccessControlException", "").retriable


@pytest.mark.parametrize(
    ("java_class", "text", "error", "advice"),
    [
        (
            SECURITY + "authorize.AuthorizationException",
            "User: bob is not allowed to impersonate alice",
            AccessDeniedError,
            "hadoop.proxyuser.*.hosts",
        ),
        (
            SECURITY + "AccessControlException",
            "SIMPLE authentication is not enabled.  Available:[TOKEN, KERBEROS]",
            AuthenticationError,
            "run kinit",
        ),
        (
            "javax.security.sasl.SaslException",
            "GSS initiate failed [Caused by GSSException: (Mechanism level: Clock skew too great)]",
            AuthenticationError,
            "more than 5 minutes",
        ),
    ],
)
def test_the_text_stays_and_says_what_to_do(
    java_class: str, text: str, error: type[YarnhubError], advice: str
) -> None:
    made = translate(java_class, text)
    assert isinstance(made, error)
    assert text in str(made)
    assert advice in str(made)


def test_details_keep_the_stack() -> None:
    made = translate("a.B", "a.B: first\n\tat x.Y", method="m", address="rm:1")
    assert isinstance(made, RemoteError)
    assert (made.message, made.details) == ("first", "a.B: first\n\tat x.Y")
    assert (made.java_class, made.method, made.address) == ("a.B", "m", "rm:1")


def test_no_message_leaves_the_name() -> None:
    assert str(translate("a.b.NullPointerException", "", method="m", address="rm:1")) == (
        "NullPointerException (m at rm:1)"
    )


def test_what_yarn_wraps_is_what_it_wraps() -> None:
    # As ResourceManagers answer who may see an application, but not change it.
    error = translate(
        "org.apache.hadoop.yarn.exceptions.YarnException",
        "java.security.AccessControlException: User dask cannot perform operation MODIFY_APP on "
        "application_1_0001\n\tat org.apache.hadoop.yarn.ipc.RPCUtil.getRemoteException",
    )
    assert isinstance(error, AccessDeniedError)
    assert error.java_class == "java.security.AccessControlException"
    assert str(error) == "User dask cannot perform operation MODIFY_APP on application_1_0001"


def test_a_message_that_begins_with_a_class_stays_what_it_is() -> None:
    text = "java.net.ConnectException: Call From a to b failed"
    error = translate("java.io.IOException", text)
    assert (type(error), str(error)) == (RemoteError, text)
