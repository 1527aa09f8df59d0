"""What people read of an explanation, whoever shows it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from client.explain.applications import ENDED, PENDING, RUNNING
from yarnhub.client.explain.explanation import explain
from yarnhub.client.explain.reasons import (
    ParallelLimit,
    Reason,
    UnmanagedMasterLimit,
    UserLimit,
)
from yarnhub.client.explain.words import sentence, summary
from yarnhub.yarn.records.resources import MEMORY, VCORES

ALL = {**PENDING, **RUNNING, **ENDED}
WORDS = {
    "being saved": (
        "The ResourceManager is processing the submission.",
        ["Queue root.default is DRAINING."],
    ),
    "limit of the queue": (
        "It waits for a container for its ApplicationMaster.",
        [
            (
                "The ApplicationMasters of queue default can use at most 1024 MiB and 2 vcores in "
                "total; the queue's ApplicationMasters use 1024 MiB and 2 vcores, and this one "
                "requests 512 MiB and 1 vcore. It starts when another application of the queue "
                "ends; or use another queue, or less in `master.resources`, or have "
                "yarn.scheduler.capacity.maximum-am-resource-percent raised."
            )
        ],
    ),
    "limit of the user": (
        "It waits for a container for its ApplicationMaster.",
        ["The ApplicationMasters of alice in queue default can use at most 768 MiB and "],
    ),
    "no node": (
        "It waits for a container for its ApplicationMaster.",
        [
            (
                "It waits for a node: no node is running (w1:1 is UNHEALTHY: 1/1 local-dirs are "
                "bad, w2:1 is LOST)."
            )
        ],
    ),
    "no node, and so no room in any queue": (
        "It waits for a container for its ApplicationMaster.",
        ["It waits for a node: no node is running (w1:1 is UNHEALTHY)."],
    ),
    "no room": (
        "It waits for a container for its ApplicationMaster.",
        [
            (
                "It requests 512 MiB and 1 vcore on one node, and none has room now: most memory "
                "is free on w2:1, 292 MiB and 7 vcores."
            )
        ],
    ),
    "labelled nodes are for others": (
        "It waits for a container for its ApplicationMaster.",
        [
            (
                "It waits for a node without a label: no such node is running. Nodes have the "
                "labels gpu."
            )
        ],
    ),
    "a label that no node has": (
        "It waits for a container for its ApplicationMaster.",
        [
            (
                "It waits for a node with the label 'gpu': no such node is running. No node has "
                "any label."
            )
        ],
    ),
    "a label that the queue may not use": (
        "It waits for a container for its ApplicationMaster.",
        ["It requests the label 'gpu', to which its queue has no access."],
    ),
    "full queue": (
        "It waits for a container for its ApplicationMaster.",
        [
            (
                "It requests 512 MiB and 1 vcore, and queue root.default is full: it holds 4000 "
                "MiB and 1 vcore of 4096 MiB and 4 vcores, most of it application_1_0009 of bob "
                "(3000 MiB), application_1_0008 of eve (1000 MiB). It continues when enough "
                "of that is released; or use another queue."
            )
        ],
    ),
    "nothing in the way": (
        "It waits for a container for its ApplicationMaster.",
        [
            (
                "It requests 512 MiB and 1 vcore, and there is room: YARN grants it within "
                "seconds. If it does not, alice has reached a user's limit in queue default "
                "(holding 200 MiB there now; user-limit-factor, minimum-user-limit-percent), or "
                "others come first."
            ),
            "YARN's diagnostics: [Wed Nov 25 10:15:09 +0000 2026] Application is Activated",
        ],
    ),
    "what it asks for is in the report alone": (
        "It waits for a container for its ApplicationMaster.",
        ["It requests 700 MiB and 2 vcores on one node, and none has room now: "],
    ),
    "starting": (
        (
            "Its ApplicationMaster has a container and is starting: its node fetches files, then "
            "it registers."
        ),
        [],
    ),
    "unmanaged": (
        "Its ApplicationMaster, which runs outside of YARN, has not registered yet.",
        [],
    ),
    "somebody else's": (
        "It runs, with 0 containers.",
        ["Only its owner can see what it waits for."],
    ),
    "all is well": ("It runs, with 1 container of its services.", []),
    "fetching files": (
        "It runs, with 2 containers of its services.",
        ["1 container of a is starting: the node fetches files first."],
    ),
    "more than any node has, and who waits for it": (
        "It runs, with 0 containers of its services and waits for 3 more.",
        [
            (
                "Each of 2 containers of a requests 9000 MiB, 9 vcores and 1 yarn.io/gpu, and no "
                "node has more than 8192 MiB and 8 vcores (w2:1 is LOST): that can never be "
                "granted."
            ),
            "1 container of b waits for a (2 of 2 not started).",
        ],
    ),
    "hosts that do not run": (
        "It runs, with 0 containers of its services and waits for 1 more.",
        [
            (
                "A container of a waits for a node with the label 'gpu' among w7, rack /r7: no "
                "such node is running. Nodes have the labels gpu."
            )
        ],
    ),
    "hosts that are only wished for": (
        "It runs, with 0 containers of its services and waits for 1 more.",
        ["A container of a requests 1024 MiB and 1 vcore on one node, and none has room now: "],
    ),
    "labelled nodes that take what has none": (
        "It runs, with 0 containers of its services and waits for 1 more.",
        [
            "A container of a requests 1024 MiB and 1 vcore, and there is room: ",
            "Its ApplicationMaster runs outside of YARN, but counts against the queue's limit",
        ],
    ),
    "failures": (
        "It runs, with 1 container of its services and waits for 1 more.",
        [
            "2 containers of a failed; the last, a_1: Exit code -104: it used more memory.",
            "1 container of b waits for a service.",
        ],
    ),
    "well": ("It has ended (FINISHED, SUCCEEDED): All services have completed successfully.", []),
    "killed": (
        "It has ended (KILLED): Application application_1_0007 was killed by user bob at 127.0.0.1",
        ["YARN preempted containers of it for other queues."],
    ),
    "its ApplicationMaster failed": (
        "It has ended (FAILED): Application failed 2 times",
        [
            (
                "Run 1 of its ApplicationMaster failed: its ApplicationMaster ended, exit code "
                "-104: it used more memory than it requested"
            ),
        ],
    ),
}


@pytest.mark.parametrize("case", ALL)
def test_each_case_has_its_words(case: str) -> None:
    first, begins = WORDS[case]
    found = explain(ALL[case])
    assert summary(found) == first
    assert len(found.reasons) == len(begins)
    for reason, begin in zip(found.reasons, begins, strict=True):
        assert sentence(reason).startswith(begin)


LEAST = {MEMORY: 32, VCORES: 1}
MASTERS = UnmanagedMasterLimit(
    queue="root.fruit.apples",
    user="",
    limit={MEMORY: 96, VCORES: 1},
    used=LEAST,
    counted=LEAST,
    waiting=1,
)
PARALLEL = ParallelLimit(
    queue="root.fruit.bananas",
    user="alice",
    held_back=2,
    limited=("root.fruit.bananas", 1),
    fair=False,
)
LIMITS: dict[str, tuple[Reason, str]] = {
    "ApplicationMasters": (
        MASTERS,
        (
            "1 application of queue root.fruit.apples waits to be activated: ApplicationMasters "
            "use 32 MiB and 1 vcore, and the limit there is 96 MiB and 1 vcore. An unmanaged "
            "one counts as a smallest container, 32 MiB and 1 vcore. It starts when "
            "another application there ends; or use another queue, or have "
            "yarn.scheduler.capacity.root.fruit.apples.maximum-am-resource-percent or "
            "yarn.scheduler.capacity.maximum-am-resource-percent raised."
        ),
    ),
    "ApplicationMasters of a user": (
        replace(MASTERS, user="alice", waiting=2),
        (
            "2 applications of queue root.fruit.apples wait to be activated: ApplicationMasters "
            "of alice use 32 MiB and 1 vcore, and the limit for one user there is 96 MiB and "
            "1 vcore. An unmanaged one counts as "
        ),
    ),
    "a user": (
        UserLimit("alice", "root.a", {MEMORY: 3072}, {MEMORY: 2048}),
        "alice uses 3072 MiB in queue root.a, where the limit for one user is 2048 MiB now ",
    ),
    "applications": (
        PARALLEL,
        (
            "2 applications of queue root.fruit.bananas are held back: queue root.fruit.bananas "
            "runs 1 application at a time (setting "
            "yarn.scheduler.capacity.root.fruit.bananas.max-parallel-apps). It starts when "
            "another one there ends; or use another queue."
        ),
    ),
    "applications, of a queue or a user": (
        replace(PARALLEL, held_back=1, limited=None),
        (
            "1 application of queue root.fruit.bananas is held back: the limit on running "
            "applications of the queue or of the user is reached "
            "(yarn.scheduler.capacity.root.fruit.bananas.max-parallel-apps, or "
            "yarn.scheduler.capacity.user.alice.max-parallel-apps). It starts when another one "
            "ends; or use another queue."
        ),
    ),
    "applications, of the FairScheduler": (
        replace(PARALLEL, limited=("root.bob", 2), fair=True),
        (
            "2 applications of queue root.fruit.bananas are held back: queue root.bob runs 2 "
            "applications at a time (maxRunningApps in the FairScheduler's allocation file). "
        ),
    ),
}


@pytest.mark.parametrize(("reason", "begin"), LIMITS.values(), ids=LIMITS)
def test_each_limit_has_its_words(reason: Reason, begin: str) -> None:
    assert sentence(reason).startswith(begin)
