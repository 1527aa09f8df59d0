"""What an ApplicationMaster is started with, as `yarnhub.control.bootstrap` names it."""

from __future__ import annotations

from yarnhub.control.bootstrap import (
    CERTIFICATE,
    KEY,
    PROGRAM,
    RESOURCE_MANAGERS,
    SECRET,
    TRUST,
    SubmittedApplication,
)
from yarnhub.hadoop.wire.tokens import Token, TokenStorage

AMRM = Token(b"am", b"secret", "YARN_AM_RM_TOKEN", "")
HDFS = Token(b"hdfs", b"secret", "HDFS_DELEGATION_TOKEN", "10.0.0.1:8020")
HANDED_ON = {
    CERTIFICATE: b"certificate",
    KEY: b"key",
    RESOURCE_MANAGERS: b"rm-1:8032,rm-2:8032",
    f"{SECRET}password": b"of the submitter's",
    TRUST: b"the cluster's CA",
}
CREDENTIALS = TokenStorage(
    {"": AMRM, "10.0.0.1:8020": HDFS},
    {PROGRAM: b"zip", "other": b"x", **HANDED_ON},
)
APPLICATION = SubmittedApplication(
    specification="{}",
    application_id="application_1_0001",
    user="alice",
    schedulers=("rm:8030",),
    web_proxies=(),
    racks={},
    language="de_DE.UTF-8",
    simple_authentication=True,
)
