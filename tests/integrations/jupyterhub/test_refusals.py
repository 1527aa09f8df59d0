"""What users read for whom no server is started."""

from __future__ import annotations

import pytest

from yarnhub.integrations.jupyterhub.refusals import Refusal, refusal, refuse_user
from yarnhub.sessions.users import OwnAccountError


def test_a_user_without_servers_reads_why() -> None:
    refuse_user("alice", "alice", {"hdfs"})
    with pytest.raises(Refusal, match=r"'HDFS': it is a system account.*denied_users"):
        refuse_user("HDFS", "alice", {"hdfs"})
    with pytest.raises(Refusal, match=r"'a b' cannot be a user of the cluster.*as 'A B'"):
        refuse_user("a b", "A B", {"hdfs"})


def test_the_hubs_own_account_is_named_with_the_setting_that_maps_names() -> None:
    said = str(refusal(OwnAccountError("hub")).message)
    assert "'hub' is the hub's own account on the cluster" in said
    assert "c.YarnSpawner.cluster_user can map the name" in said
