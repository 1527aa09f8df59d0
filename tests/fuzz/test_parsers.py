"""Parsers of what comes from files and from the network, whoever wrote it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from e2e.walk import PROJECT
from fuzz.environment_parsers import ENVIRONMENTS
from fuzz.hadoop_parsers import HADOOP
from fuzz.kernel_parsers import KERNELS
from fuzz.mechanism import Parser, fuzz, try_on
from fuzz.samples import DOCUMENT, JSON_WORDS, text_of
from skein import ApplicationSpec as SkeinSpec
from yarnhub.appmaster.core.records import Change
from yarnhub.appmaster.shell.journal.recorder import _read as read_journal
from yarnhub.base.errors import RemoteProtocolError, SpecError
from yarnhub.base.units import parse_duration, parse_memory
from yarnhub.client.submit.spec_file import parse_document
from yarnhub.control import diagnostics
from yarnhub.control import json as control_json
from yarnhub.control.frames import Frame, Frames
from yarnhub.control.messages import REQUESTS
from yarnhub.integrations.dask_gateway import heartbeat
from yarnhub.sessions.ports.report import ReportError, read_report
from yarnhub.spec import ApplicationSpec

# What fails is shown, however long it is.
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

DEMO = (PROJECT / "examples" / "jupyter-demo.yaml").read_bytes()

# --- specifications


def read_yaml(content: bytes) -> object:
    return ApplicationSpec.from_dict(parse_document(content, "yaml"))


def read_json(content: bytes) -> object:
    return ApplicationSpec.from_dict(parse_document(content, "json"))


# --- between clients and ApplicationMasters

REQUEST = (
    b'{"on_success":[{"PutKey":{"key":"k","value":"dg=="}}],'
    b'"conditions":[{"key":"k","field":"VALUE","operator":"==","value":"dg=="}]}'
)
CHANGE = (
    b'{"records":[{"KeyRecord":{"key":"k","entry":{"key":"k","value":"dg==","owner":"a_0"}}},'
    b'{"ServiceRecord":{"name":"a","failures":0,"restarts":1,"waits_for":["b"],"next_number":7,'
    b'"begun":true,"ended":{"FAILED":3}}},'
    b'{"Instance":{"service":"a","number":3,"state":"RUNNING","env":{"A":"b"},"start_time":1.5}}]}'
)


def load_requests(content: bytes) -> None:
    refused = 0
    for kind in REQUESTS.values():
        try:
            control_json.load(kind, content)
        except RemoteProtocolError:
            refused += 1
    if refused == len(REQUESTS):
        raise RemoteProtocolError("it is no request")


def load_journal(content: bytes) -> None:
    for _ in read_journal(content.split(b"\n")):
        pass


HEARTBEAT = (
    b'{"scheduler_address":"tls://10.0.0.1:8786","dashboard_address":"http://[::1]:8787",'
    b'"api_address":"http://node:80","count":3,"active_workers":["a"],"closing_workers":[],'
    b'"closed_workers":[7]}'
)


def read_heartbeat(content: bytes) -> None:
    try:
        message = json.loads(content)
    except (ValueError, RecursionError) as error:  # dask-gateway's part
        raise RemoteProtocolError("it is no JSON") from error
    heartbeat.read(message)


YAML_WORDS = (
    *JSON_WORDS,
    b"&a ",
    b"*a",
    b"- ",
    b"? ",
    b"<<: ",
    b"!!int ",
    b"!!binary ",
    b"|\n",
    b"\t",
)

PARSERS = [
    Parser("specification in YAML", read_yaml, (SpecError,), (DEMO, DOCUMENT), YAML_WORDS),
    Parser("specification in JSON", read_json, (SpecError,), (DOCUMENT,), JSON_WORDS),
    Parser(
        "skein's specification in YAML",
        SkeinSpec.from_yaml,
        (SpecError,),
        (DEMO, DOCUMENT),
        YAML_WORDS,
    ),
    Parser(
        "report of a port",
        read_report,
        (ReportError,),
        (b'{"port":8888}', b'{"error":"x"}'),
        JSON_WORDS,
    ),
    Parser("control frames", Frames(1 << 16).feed, (), (bytes(Frame(1, "GetKey", b"{}")),)),
    Parser(
        "a Dask scheduler's heartbeat",
        read_heartbeat,
        (RemoteProtocolError,),
        (HEARTBEAT,),
        JSON_WORDS,
    ),
    Parser(
        "control request",
        load_requests,
        (RemoteProtocolError,),
        (
            b'{"key":"k","value":"dg==","owner":null}',
            b'{"services":["a"],"states":["RUNNING"]}',
            REQUEST,
        ),
        JSON_WORDS,
    ),
    Parser(
        "an application's diagnostics",
        lambda each: diagnostics.read(text_of(each)),
        (),
        (
            b"AM Container for appattempt_1_0001_000001 exited with  exitCode: 137\n. Failing",
            b"it used too much. YARN says: pid 7 [cause=memory exit=-104 of=a_0 raw=5]",
        ),
        (
            b"[cause=",
            b" exit=",
            b" of=",
            b" raw=",
            b"9" * 5000,
            b"For more detailed output, check ",
        ),
    ),
    Parser(
        "journal",
        load_journal,
        (RemoteProtocolError,),
        (CHANGE, CHANGE + b"\n" + CHANGE),
        JSON_WORDS,
    ),
    Parser(
        "record", lambda each: control_json.load(Change, each), (RemoteProtocolError,), (CHANGE,)
    ),
    Parser("memory", lambda each: parse_memory(text_of(each)), (ValueError,), (b"1.5 GiB",)),
    Parser("duration", lambda each: parse_duration(text_of(each)), (ValueError,), (b"1h 30m",)),
    *ENVIRONMENTS,
    *HADOOP,
    *KERNELS,
]


@pytest.mark.parametrize("parser", PARSERS, ids=str)
def test_a_sample_is_read(parser: Parser) -> None:
    for sample in parser.samples:
        parser.parse(sample)


@pytest.mark.parametrize("parser", PARSERS, ids=str)
def test_whatever_comes_is_read_or_refused(parser: Parser) -> None:
    @fuzz
    @given(parser.contents())
    def tried(content: bytes) -> None:
        try_on(parser, content)

    tried()
