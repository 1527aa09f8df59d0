"""A folder of held applications of which all but one are damaged."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from client.submissions import spec, submission
from yarnhub.appmaster.core.application import Application
from yarnhub.appmaster.core.events import Asked
from yarnhub.appmaster.core.placement import Topology
from yarnhub.client.access.settings import Settings
from yarnhub.client.submit.masters import UnmanagedMaster
from yarnhub.client.submit.submission import credentials
from yarnhub.control import bootstrap
from yarnhub.control import json as control_json
from yarnhub.control.messages import PutKey
from yarnhub.hadoop.wire.tokens import AMRM_TOKEN, Token, TokenStorage
from yarnhub.unmanaged import UnmanagedApplications
from yarnhub.unmanaged.state_folder import StateFolder
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    import random
    from pathlib import Path


GOOD = "application_1700000000000_0001"
STRANGE: list[Any] = [
    *(None, True, -1, 10**30, 1e308, "", "\x00", "\ud800", [], {}, [[]], {"": {}}, {"a": [None]}),
]


def offline(tmp_path: Path) -> Settings:
    """Settings of a cluster on which nobody answers."""
    conf = tmp_path / "conf"
    conf.mkdir()
    address = "<property><name>yarn.resourcemanager.{}</name><value>127.0.0.1:1</value></property>"
    site = "".join(map(address.format, ("address", "scheduler.address")))
    (conf / "yarn-site.xml").write_text(f"<configuration>{site}</configuration>")
    (conf / "core-site.xml").write_text("<configuration/>")
    env = {"HADOOP_CONF_DIR": str(conf), "HOME": str(tmp_path), "HADOOP_USER_NAME": "alice"}
    return Settings.from_environment(env)


def record(application_id: str) -> TokenStorage:
    """What is kept of an application."""
    kept = credentials(
        submission(
            spec(), application_id=ApplicationId.parse(application_id), master=UnmanagedMaster()
        )
    )
    token = Token(b"id", b"password", AMRM_TOKEN, "127.0.0.1:1")
    return TokenStorage({**kept.tokens, AMRM_TOKEN: token}, kept.secrets)


def journal() -> list[bytes]:
    """What has happened to it."""
    core = Application(spec(), "{}", Topology(racks={}))
    lines = [control_json.dump(core.snapshot())]
    for number in range(3):
        core.handle(Asked(number, PutKey(key=f"k{number}", value=b"v")), 0.0)
        change = core.changes()
        assert change is not None
        lines.append(control_json.dump(change))
    return lines


def with_strange_value(document: Any, chance: random.Random) -> Any:
    """A JSON document in which one value is something else."""
    if isinstance(document, dict | list) and document and chance.random() < 0.8:
        copy: Any = document.copy()
        key = chance.choice(list(copy if isinstance(copy, dict) else range(len(copy))))
        copy[key] = with_strange_value(copy[key], chance)
        return copy
    return chance.choice(STRANGE)


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Bytes that were cut off, or some of which are others."""
    if chance.random() < 0.3:
        return content[: chance.randrange(len(content))]
    changed = bytearray(content)
    for _ in range(chance.choice([1, 1, 8])):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def fill(folder: Path, chance: random.Random, rounds: int) -> list[str]:
    """Keep one good application, and very many that are damaged; returns their ids."""
    number = 1
    ids = []

    def write(tokens: bytes, lines: bytes, number: int) -> None:
        application_id = f"application_1700000000000_{number:04}"
        (folder / f"{application_id}.tokens").write_bytes(tokens)
        (folder / f"{application_id}.journal").write_bytes(lines)
        ids.append(application_id)

    lines = b"".join(line + b"\n" for line in journal())
    write(record(GOOD).write(), lines, 1)
    for number in range(2, rounds + 2):
        kept = record(f"application_1700000000000_{number:04}")
        application = json.loads(kept.secrets[bootstrap.APPLICATION])
        changed = with_strange_value(application, chance)
        specification = with_strange_value(json.loads(application["specification"]), chance)
        for document in changed, {**application, "specification": json.dumps(specification)}:
            secrets = {**kept.secrets, bootstrap.APPLICATION: json.dumps(document).encode()}
            write(TokenStorage(kept.tokens, secrets).write(), lines, 10_000 + len(ids))
        write(damaged(kept.write(), chance), lines, number)
        write(kept.write(), damaged(lines, chance), 20_000 + len(ids))
        where = chance.randrange(1, 4)
        whole = journal()
        strange = with_strange_value(json.loads(whole[where]), chance)
        whole[where] = json.dumps(strange).encode()
        write(kept.write(), b"\n".join(whole) + b"\n", 30_000 + len(ids))
    return ids[1:]


def empty_folder(tmp_path: Path) -> Path:
    """A folder of a process that held nothing yet."""
    path = tmp_path / "held"
    with StateFolder(path).held():
        (path / "tag").write_text("held-by-0123456789abcdef")
    return path


async def check(settings: Settings, folder: Path, chance: random.Random, rounds: int) -> None:
    """Take over an application among many that are damaged."""
    damaged_ids = fill(folder, chance, rounds)
    before = {each.name for each in folder.iterdir()}
    async with (
        asyncio.timeout(100),
        UnmanagedApplications(settings, folder=folder, host="localhost") as applications,
    ):
        assert GOOD in applications
        # What was damaged in a place that matters to nobody runs on, too.
        assert len(applications) < len(damaged_ids) / 2
    assert before - {"port"} <= {each.name for each in folder.iterdir()}, "nothing is deleted"
