"""All that reads what others wrote, with something to begin from, and random changes of that."""

from __future__ import annotations

import random
import time
import tracemalloc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yarn.logs.recorded import FILES, content_of, index_of
from yarnhub.appmaster.core.records import Change
from yarnhub.base.errors import YarnhubError
from yarnhub.client.spec_file import parse_document
from yarnhub.control import bootstrap, json
from yarnhub.control.frames import Frame, Frames
from yarnhub.control.messages import REQUESTS
from yarnhub.hadoop.codec import decode, encode
from yarnhub.hadoop.site_file import read_site_file
from yarnhub.hadoop.wire.tokens import Credentials, Token
from yarnhub.integrations.jupyterhub import proof
from yarnhub.spec import ApplicationSpec
from yarnhub.yarn.logs.node import parse_listing
from yarnhub.yarn.records.applications import ApplicationReport
from yarnhub.yarn.records.cluster import QueueInfo
from yarnhub.yarn.records.scheduler import AllocateResponse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECONDS, BYTES = 2.0, 64 << 20
"""What reading one document may take."""
MOST = 300_000
"""Bytes of a document after its changes."""
TOKEN = Token(identifier=b"id", password=b"secret", kind="kind", service="service")
SPECIFICATION = b"""
name: x
queue: default
services:
  a: {resources: {memory: 1 GiB, vcores: 1}, env: {A: "1"}, depends: [], script: "run"}
"""
CHANGE = b"""{"records":[{"ServiceRecord":{"name":"a","failures":2,"restarts":1,"waits_for":[],
"next_number":7,"begun":true,"ended":{"FAILED":3}}},{"Instance":{"service":"a","number":3,
"state":"RUNNING","env":{"A":"b"},"start_time":1.5}},{"KeyRecord":{"key":"k","entry":null}}]}"""
SITE = b"""<?xml version="1.0"?><!DOCTYPE configuration [<!ENTITY a "aaaaaaaa">]><configuration>
<property><name>a.b</name><value>${c} &a;</value><final>true</final></property></configuration>"""
LISTING = b"""{"containerLogsInfo":[{"containerLogInfo":[{"fileName":"stdout","fileSize":"17"}],
"logAggregationType":"LOCAL","containerId":"c"}]}"""
REQUEST = b"""{"on_success":[{"PutKey":{"key":"k","value":"dg==","owner":"a_0"}},{"GetKeys":
{"range":{"prefix":"p"}}}],"conditions":[{"key":"k","field":"VALUE","operator":"==","value":"dg=="}]}"""


@dataclass(frozen=True)
class Parser:
    """One of them.

    Attributes:
        read: Reads a document; whatever it raises that is not an error of ours is a fault.
        samples: Documents to begin from.
    """

    read: Callable[[bytes], object]
    samples: tuple[bytes, ...]


def parsers(folder: Path) -> dict[str, Parser]:
    """All of them by name; `folder` takes files."""
    site = folder / "fuzz-site.xml"

    def site_file(document: bytes) -> object:
        site.write_bytes(document)
        return read_site_file(site)

    messages: dict[str, Any] = {
        cls.__name__: cls for cls in (AllocateResponse, ApplicationReport, QueueInfo)
    }
    return {
        "a token file": Parser(
            Credentials.read, (Credentials({"t": TOKEN}, {"key": b"value" * 20}).write(),)
        ),
        "a journal's line": Parser(lambda data: json.load(Change, data), (CHANGE,)),
        "a specification in JSON": Parser(
            lambda data: ApplicationSpec.from_dict(parse_document(data, "json")), (REQUEST,)
        ),
        "a specification in YAML": Parser(
            lambda data: ApplicationSpec.from_dict(parse_document(data, "yaml")), (SPECIFICATION,)
        ),
        "frames": Parser(
            lambda data: Frames(1000).feed(data),
            (bytes(Frame(7, "GetKey", b"{}")) * 3, bytes(Frame(7, "PutKey", bytes(2000)))),
        ),
        "what a submitter hands over": Parser(
            lambda data: json.load(bootstrap.Application, data), (b'{"user":"alice"}',)
        ),
        "a list of log files": Parser(parse_listing, (LISTING,)),
        "the proof of a server": Parser(
            lambda data: proof.check(data, "token", "nonce", ("127.0.0.1", 1)),
            (b'{"addresses":["127.0.0.1"],"port":1,"proof":"00"}',),
        ),
        "a site file": Parser(site_file, (SITE,)),
        "aggregated logs": Parser(aggregated, tuple(FILES.values())),
        **{
            f"request {name}": Parser(
                lambda data, cls=cls: json.load(cls, data),  # type: ignore[misc]  # bound early
                (REQUEST, b'{"key":"k","value":"dg==","timeout":1e3}'),
            )
            for name, cls in REQUESTS.items()
        },
        **{
            f"message {name}": Parser(
                lambda data, cls=cls: decode(cls, data),  # type: ignore[misc]  # bound early
                (encode(cls()), random.Random(name).randbytes(200)),
            )
            for name, cls in messages.items()
        },
    }


def aggregated(document: bytes) -> int:
    """The size of all logs of an application."""
    return sum(len(chunk) for entry in index_of(document) for chunk in content_of(document, entry))


def changed(sample: bytes, chance: random.Random) -> bytes:
    """A sample with some random changes."""
    document = bytearray(sample)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(document) + 1)
        length = min(chance.choice((1, 2, 4, 8, 64)), len(document) - at)
        match chance.randrange(7):
            case 0:
                document[at : at + length] = chance.randbytes(length)
            case 1:
                del document[at : at + length]
            case 2:
                document[at:at] = document[at : at + length] * chance.choice((1, 2, 1000))
            case 3:
                document[at:at] = chance.choice(NASTY)
            case 4:
                del document[at:]
            case 5 if length:
                document[at] ^= 1 << chance.randrange(8)
            case _:
                document[at:at] = chance.choice(NASTY)[:1] * chance.choice((10, 1000, 100_000))
    return bytes(document[:MOST])


NASTY = (
    b"[", b"{", b'"', b"\x00", b"\xff", b"\x80", b"<", b"&", b"${a}", b"*a", b"&a ", b"!!", b": ",
    b"\n", b"9" * 400, b"1e999", b"NaN", b"-1", b"\xff\xff\xff\xff\x0f", b"\x7f\xff\xff\xff",
    b'"\\ud800"', b"\xed\xa0\x80", b"true", b"null", b"<!ENTITY b '&a;&a;&a;'>",
)  # fmt: skip


def strike(name: str, parser: Parser, chance: random.Random, count: int) -> None:
    """Fail unless each of so many changed documents is read, or refused in words, soon."""
    for _ in range(count):
        document = changed(chance.choice(parser.samples), chance)
        words = "it was read"
        began = time.process_time()
        tracemalloc.start()
        try:
            parser.read(document)
        except YarnhubError as refused:
            words = str(refused)
        except Exception as error:
            error.add_note(f"{name} of {document[:2000]!r}")
            raise
        finally:
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert words, f"{name}: no words about {document[:2000]!r}"
        assert most < BYTES, f"{name} took {most >> 20} MiB for {document[:2000]!r}"
        assert time.process_time() - began < SECONDS, f"{name}: {document[:2000]!r}"
