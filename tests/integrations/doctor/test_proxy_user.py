"""The users that a hub may act for."""

from __future__ import annotations

import pytest

from yarnhub.hadoop.conf import Configuration
from yarnhub.integrations.doctor.finding import Grade
from yarnhub.integrations.doctor.proxy_user import judge


@pytest.mark.parametrize(
    ("values", "grade", "words"),
    [
        ({}, Grade.NOT_CHECKED, "has no hadoop.proxyuser.hub"),
        ({"hosts": "h1", "groups": "science"}, Grade.OK, "hosts h1, groups science"),
        ({"hosts": "h1", "groups": "*"}, Grade.WARNING, "hadoop.proxyuser.hub.groups: *"),
        ({"hosts": " * ", "users": "alice"}, Grade.WARNING, "hadoop.proxyuser.hub.hosts: *"),
        ({"hosts": "*", "users": "*"}, Grade.WARNING, "hub.hosts and hadoop.proxyuser.hub.users"),
    ],
)
def test_rules(values: dict[str, str], grade: Grade, words: str) -> None:
    rules = Configuration({f"hadoop.proxyuser.hub.{kind}": v for kind, v in values.items()})
    found = judge(rules, "hub", "the files")
    assert found.grade is grade
    assert words in found.what
