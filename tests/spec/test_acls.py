"""Access control lists as YARN reads them."""

from __future__ import annotations

import pytest
from hypothesis import given

from spec.strategies import acls
from yarnhub.base.errors import SpecError
from yarnhub.spec import ACLs


@given(acls)
def test_what_is_written_is_read_back(lists: ACLs) -> None:
    assert ACLs.from_dict(lists.to_dict()) == lists


@pytest.mark.parametrize(
    ("users", "groups", "acl"),
    [
        ([], [], " "),
        (["a"], [], "a "),
        ([], ["g"], " g"),
        (["a", "b"], ["g", "h"], "a,b g,h"),
        (["a", "*"], ["g"], "*"),
        (["a"], ["*"], "*"),
    ],
)
def test_lists_are_users_then_groups(users: list[str], groups: list[str], acl: str) -> None:
    assert ACLs(view_users=users, view_groups=groups).view_acl == acl
    assert ACLs(modify_users=users, modify_groups=groups).modify_acl == acl


@pytest.mark.parametrize("name", ["a,b", "a b", "", "a\n", " "])
@pytest.mark.parametrize(
    "key", ["view_users", "view_groups", "modify_users", "modify_groups", "ui_users"]
)
def test_a_name_cannot_become_two(key: str, name: str) -> None:
    with pytest.raises(SpecError, match="must be one name without spaces and commas") as caught:
        ACLs.from_dict({key: ["ok", name]})
    assert caught.value.path == f"{key}[1]"
