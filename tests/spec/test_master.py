"""The ApplicationMaster's container."""

from __future__ import annotations

import pytest
from hypothesis import given

from spec.strategies import Document, masters
from yarnhub.base.errors import SpecError
from yarnhub.spec import File, LogLevel, Master, Security


@given(masters)
def test_what_is_written_with_its_secrets_is_read_back(master: Master) -> None:
    assert Master.from_dict(master.to_dict(secrets=True)) == master


def test_a_security_that_holds_a_key_is_withheld() -> None:
    master = Master(script="run", security=Security(cert_bytes=b"cert", key_bytes=b"key"))
    assert "security" not in master.to_dict()
    assert Master.from_dict(master.to_dict()).security is None


def test_levels_are_those_of_log4j() -> None:
    assert [level.name for level in LogLevel] == [
        *("ALL", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF")
    ]
    assert Master.from_dict({"log_level": "debug"}).log_level is LogLevel.DEBUG


def test_a_logging_configuration_is_a_file() -> None:
    assert Master.from_dict({"log_config": "log.cfg"}).log_config == File(source="log.cfg")


@pytest.mark.parametrize(
    ("document", "path", "reason"),
    [
        # What YAML 1.1 makes of an unquoted OFF.
        ({"log_level": False}, "log_level", "must be text, not False: put the value in"),
        ({"log_level": "DEBGU"}, "log_level", "unknown value 'DEBGU'; did you mean 'DEBUG'?"),
        ({"log_config": 1}, "log_config", "must be a mapping, not 1"),
        ({"security": {}}, "security", "give exactly one of `cert_file` and `cert_bytes`"),
        ({"security": {"key_file": 1}}, "security.key_file", "must be a mapping, not 1"),
        ({"resources": {"vcores": 1}}, "resources.memory", "is required"),
        (
            {"instances": 1},
            "",
            "unknown key 'instances'; known are: commands, docker, env, files, ",
        ),
    ],
)
def test_a_wrong_value_is_refused(document: Document, path: str, reason: str) -> None:
    with pytest.raises(SpecError) as caught:
        Master.from_dict(document)
    assert caught.value.path == path
    assert caught.value.reason.startswith(reason)
