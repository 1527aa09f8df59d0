"""Parsers of what kernels, launchers and kernelspecs consist of."""

from __future__ import annotations

import json

from fuzz.mechanism import Parser
from fuzz.samples import JSON_WORDS, KERNELSPEC
from kernels.launcher import zmtp_bytes
from yarnhub.base.errors import RemoteProtocolError, SpecError
from yarnhub.control import json as control_json
from yarnhub.control.outcomes import Cause, Outcome
from yarnhub.kernels import protocol
from yarnhub.kernels.enterprise_gateway_kernelspec import convert
from yarnhub.kernels.kernelspec_file import load, parse
from yarnhub.kernels.launcher.output import Output
from yarnhub.kernels.launcher.zmtp import Subscriber
from yarnhub.kernels.protocol import Order, ProcessState, Report, line, read_order
from yarnhub.kernels.records import KernelRecord
from yarnhub.kernels.request import KernelRequest
from yarnhub.spec import File

PUBLISHED = (
    (b"topic", b"<IDS|MSG>", b"", b'{"msg_type": "status"}', b"{}", b"{}", b"{}"),
    (b"x" * 300,),
)


def read_publisher(content: bytes) -> None:
    output = Output(1 << 16, lambda: 1.0, lambda: None)
    subscriber = Subscriber(output.limit)
    for at in range(0, len(content), 100):
        for parts in subscriber.receive(content[at : at + 100]):
            output.take(parts)


GATEWAY_KERNELSPEC = {
    "argv": ["run.sh", "{response_address}"],
    "language": "python",
    "env": {"SPARK_OPTS": "--queue a --driver-memory 4g --conf spark.yarn.appMasterEnv.A=1"},
    "metadata": {"process_proxy": {"config": {"port_range": "1..2"}}},
}
OPTIONS_WORDS = (
    *(b"--conf ", b"--archives a#b,", b"spark.driver.memory=", b"9" * 5000, b"'", b"${A}", b"\\"),
    *(b"--environment ", b"DASK_OPTS", b"PYSPARK_PYTHON", b"/bin/python"),
)


def read_kernelspec(content: bytes) -> None:
    parse("science", load(content.decode()))


def convert_kernelspec(content: bytes) -> None:
    document = load(content.decode())
    convert(document)
    convert(document, spark=True)


RECORD = KernelRecord(
    request=KernelRequest(
        id="1",
        owner="alice",
        user="alice",
        name="python3",
        argv=("python",),
        env={"A": "b"},
        files={"a": File(source="hdfs:///a.zip")},
    ),
    key="key",
    created=1.5,
    outcome=Outcome(cause=Cause.MEMORY),
)


KERNELS = [
    Parser(
        "ZMTP and kernels' messages",
        read_publisher,
        (RemoteProtocolError,),
        (zmtp_bytes.stream(PUBLISHED),),
        (b"\1", b"\2", b"\3", b"\0", b"<IDS|MSG>", b'{"msg_type": "status"}', zmtp_bytes.GREETING),
    ),
    Parser(
        "launchers' reports",
        protocol.read_report,
        (RemoteProtocolError,),
        (line(Report(generation=1, state=ProcessState.RUNNING)),),
        JSON_WORDS,
    ),
    Parser(
        "record of a kernel",
        lambda each: control_json.load(KernelRecord, each),
        (RemoteProtocolError, SpecError),
        (control_json.dump(RECORD),),
        JSON_WORDS,
    ),
    Parser("orders", read_order, (RemoteProtocolError,), (line(Order(number=1)),), JSON_WORDS),
    Parser(
        "kernelspec",
        read_kernelspec,
        (SpecError, UnicodeDecodeError),
        (json.dumps(KERNELSPEC).encode(),),
        JSON_WORDS,
    ),
    Parser(
        "kernelspec of Enterprise Gateway",
        convert_kernelspec,
        (SpecError, UnicodeDecodeError),
        (json.dumps(GATEWAY_KERNELSPEC).encode(),),
        (*JSON_WORDS, *OPTIONS_WORDS),
    ),
]
