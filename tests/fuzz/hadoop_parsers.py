"""Parsers of Hadoop's files, names and protocols."""

from __future__ import annotations

import dataclasses
import inspect
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from appmaster.shell.server.serving import PAIR
from fuzz.mechanism import Parser
from fuzz.samples import JSON_WORDS, text_of
from hadoop import server
from yarn.logs.recorded import FILES, content_of, index_of
from yarnhub.base.errors import AuthenticationError, ConfigurationError, RemoteProtocolError
from yarnhub.client.access.truststore import _certificates
from yarnhub.hadoop import codec
from yarnhub.hadoop.address import Address
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.security.auth_to_local import local_name
from yarnhub.hadoop.wire import digest_md5
from yarnhub.hadoop.wire.connection import RpcStateMachine
from yarnhub.hadoop.wire.framing import FrameReader, frame
from yarnhub.hadoop.wire.guard import Guard
from yarnhub.hadoop.wire.headers import SaslState, UserInformation
from yarnhub.hadoop.wire.identifiers import read_identifier
from yarnhub.hadoop.wire.method import Protocol
from yarnhub.hadoop.wire.protection import Protection
from yarnhub.hadoop.wire.sasl import Login
from yarnhub.hadoop.wire.tokens import Token, TokenStorage
from yarnhub.yarn.logs.java_objects import read_java_object
from yarnhub.yarn.logs.node_responses import parse_listing
from yarnhub.yarn.records import applications, cluster, resource_manager, scheduler
from yarnhub.yarn.records.ids import ApplicationId, ContainerId

if TYPE_CHECKING:
    from collections.abc import Iterator

SITE = b"""<?xml version="1.0"?><!DOCTYPE configuration [<!ENTITY a "aaaaaaaa">]>
<configuration xmlns:xi="http://www.w3.org/2001/XInclude">
  <property><name>a</name><value>${b}</value><final>true</final></property>
  <property><name>b</name><value>true</value></property>
  <property><name>c</name><value>&a;</value></property>
  <xi:include href="missing.xml"><xi:fallback/></xi:include>
</configuration>
"""


def read_site(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "core-site.xml").write_bytes(content)
        read = Configuration.load(Path(folder))
    for key in ("a", "b", "fs.defaultFS"):
        for get in (read.get, read.get_list):
            get(key)
        read.get_bool(key, default=False)


TOKENS = TokenStorage(
    {"a": Token(b"\0" * 8, b"password", "HDFS_DELEGATION_TOKEN", "1.2.3.4:8020")}, {"s": b"secret"}
)


def read_tokens(content: bytes) -> None:
    for token in TokenStorage.read(content).tokens.values():
        read_identifier(token)


def read_log(content: bytes) -> None:
    for entry in index_of(content)[:10]:
        for _, _ in zip(content_of(content, entry), range(100), strict=False):
            pass


INDEX = FILES["ifile-none"][-36 - int.from_bytes(FILES["ifile-none"][-36:-32], "big") : -36]

PROTOCOL = Protocol("org.example.ServicePB")
ANSWERS = (
    server.answer(0, b"\x0a\x01x"),
    server.failure(0, "java.io.IOException", "no"),
    server.fatal(0, "java.lang.RuntimeException", "no"),
    server.sasl(SaslState.NEGOTIATE, auths=(server.token_offer(), server.SIMPLE_OFFER)),
    server.sasl(SaslState.CHALLENGE, b'realm="default",nonce="n",qop="auth",charset=utf-8'),
    server.sasl(SaslState.SUCCESS, b"rspauth=0"),
)


def receive(content: bytes) -> None:
    logins = (
        Login(simple=UserInformation(effective_user="alice")),
        Login(token=server.TOKEN, cnonce="c"),
    )
    for login in logins:
        client = RpcStateMachine(PROTOCOL, login, client_id=b"i" * 16, max_response=1 << 20)
        if client.ready:
            client.call(0, "x", b"")
        for piece in (content[:7], content[7:]):
            client.receive(piece)
        client.take()


def guard(content: bytes) -> None:
    for from_client in (False, True):
        watch = Guard("nn/h@R", Protection.PRIVACY)
        watch.from_client(b"hrpc\x09\x00\xdf")
        (watch.from_client if from_client else watch.from_server)(content)


def records() -> Iterator[type]:
    for module in (applications, cluster, resource_manager, scheduler):
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if dataclasses.is_dataclass(kind) and kind.__module__ == module.__name__:
                yield kind


RECORDS = list(records())


def decode(content: bytes) -> None:
    for kind in RECORDS[content[0] % 7 if content else 0 :: 7]:
        codec.decode(kind, content)


def cut_frames(content: bytes) -> None:
    for _ in FrameReader(1 << 16).feed(content):
        pass


XML_WORDS = (b"<", b">", b"</", b"&lt;", b"<!ENTITY b '&a;&a;&a;'>", b"&b;", b"${a}", b"]]>")
JAVA_WORDS = (b"sr", b"q\0\x7e\0\0", b"q\0\x7e\0\x05", b"t\0\x01a", b"x", b"p", b"w\x04\0\0\0\0")

HADOOP = [
    Parser("site file", read_site, (ConfigurationError,), (SITE,), XML_WORDS),
    Parser("token file", read_tokens, (ConfigurationError, RemoteProtocolError), (TOKENS.write(),)),
    Parser(
        "aggregated log",
        read_log,
        (ConfigurationError, RemoteProtocolError),
        tuple(FILES.values()),
        JAVA_WORDS,
    ),
    Parser("Java object", read_java_object, (RemoteProtocolError,), (INDEX,), JAVA_WORDS),
    Parser("RPC connection", receive, (), tuple(map(frame, ANSWERS)) + ANSWERS),
    Parser(
        "guard of a connection",
        guard,
        (AuthenticationError, RemoteProtocolError),
        words=(*map(frame, ANSWERS), *ANSWERS),
    ),
    Parser(
        "token in a URL",
        lambda each: Token.from_url(text_of(each)),
        (ValueError, RemoteProtocolError),
        (server.TOKEN.to_url().encode(),),
        (b"A", b"_", b"-", b"="),
    ),
    Parser("RPC frames", cut_frames, (RemoteProtocolError,), (frame(b"ab"), frame(b"") * 3)),
    Parser("records", decode, (RemoteProtocolError,), (), (b"\x0a", b"\x80", b"\x08\x01")),
    Parser(
        "SASL challenge",
        digest_md5.parse_challenge,
        (AuthenticationError, RemoteProtocolError),
        (b'realm="default",nonce="n",qop="auth",charset=utf-8,algorithm=md5-sess',),
        (b'"', b",", b"=", b"\\", b"nonce", b"realm"),
    ),
    Parser(
        "list of logs",
        parse_listing,
        (RemoteProtocolError,),
        (b'{"containerLogsInfo":{"containerLogInfo":[{"fileName":"a","fileSize":"1"}]}}',),
        JSON_WORDS,
    ),
    Parser(
        "truststore",
        lambda each: _certificates(each, "changeit"),
        (ValueError, ConfigurationError),
        (PAIR.certificate,),
        (b"\xfe\xed\xfe\xed\0\0\0\2\0\0\0\1", b"\0\0\0\2", b"\x30\x82", b"-----BEGIN CERTIFICATE"),
    ),
    Parser(
        "rules of auth_to_local",
        lambda each: local_name(
            "a/b@C", {"hadoop.security.auth_to_local": text_of(each)}, lambda: "C"
        ),
        (ConfigurationError,),
        (b"RULE:[2:$1@$0](a@.*)s/@.*//\nDEFAULT",),
        # Not (.*) thousands of times: the administrator's expressions take as long as in Java.
        (b"RULE:[2:$1@$0]", b"(a)", b"s/@.*//", b"DEFAULT", b"/L", b"$1", b"${x}", b"[", b"("),
    ),
    Parser(
        "application id",
        lambda each: ApplicationId.parse(text_of(each)),
        (ValueError,),
        (b"application_1700000000000_0001",),
    ),
    Parser(
        "container id",
        lambda each: ContainerId.parse(text_of(each)),
        (ValueError,),
        (b"container_e17_1700000000000_0001_01_000001",),
    ),
    Parser("address", lambda each: Address.parse(text_of(each)), (ValueError,), (b"[::1]:80",)),
]
