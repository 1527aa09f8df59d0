"""Forms of site files that sites use, read as Java's `Configuration` of Hadoop 3.4.2 reads them.

`site_files/expected.json` was made with Java: what `a` and `b` are once core-site.xml and then
yarn-site.xml are loaded, or that it refuses. `@CASES@` stands for the folder itself.
"""

from __future__ import annotations

import functools
import json
import os
import pwd
import shutil
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import ConfigurationError
from yarnhub.hadoop import site_file
from yarnhub.hadoop.conf import Configuration

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = Path(__file__).with_name("site_files")
EXPECTED = json.loads((CASES / "expected.json").read_text(encoding="utf-8"))
XI = 'xmlns:xi="http://www.w3.org/2001/XInclude"'


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """The cases at a place of their own, with its path filled in."""
    place = tmp_path / "cases"
    shutil.copytree(CASES, place)
    for file in place.rglob("*.xml"):
        file.write_bytes(file.read_bytes().replace(b"@CASES@", str(place).encode()))
    return place


def write(folder: Path, inside: str, name: str = "core-site.xml") -> None:
    (folder / name).write_text(f"<configuration {XI}>{inside}</configuration>", encoding="utf-8")


def a_property(name: str, value: str) -> str:
    return f"<property><name>{name}</name><value>{value}</value></property>"


@pytest.mark.parametrize("case", sorted(EXPECTED))
def test_a_form_of_site_file_is_read_as_java_reads_it(cases: Path, case: str) -> None:
    expected = EXPECTED[case]
    if "error" in expected:
        with pytest.raises(ConfigurationError, match=r"which does not exist"):
            Configuration.load(cases / case)
        return
    home = pwd.getpwuid(os.getuid()).pw_dir
    wanted = {
        key: value and value.replace("@HOME@", home).replace("@TMP@", "/tmp")
        for key, value in expected.items()
    }
    loaded = Configuration.load(cases / case)
    assert {key: loaded.raw(key) for key in wanted} == wanted


def test_every_case_has_its_files() -> None:
    assert {path.name for path in CASES.iterdir() if path.is_dir()} == set(EXPECTED)


# What follows was compared with Java in the same way.


def test_a_key_is_final_without_a_value_too(tmp_path: Path) -> None:
    write(tmp_path, "<property><name>a</name><final>true</final></property>" + a_property("a", "1"))
    assert Configuration.load(tmp_path).raw("a") is None


def test_final_is_true_in_lower_case_alone(tmp_path: Path) -> None:
    final = "<property><name>a</name><value>1</value><final> true </final></property>"
    write(tmp_path, final + a_property("a", "2"))
    assert Configuration.load(tmp_path).raw("a") == "2"


def test_a_nested_configuration_is_read(tmp_path: Path) -> None:
    write(tmp_path, f"<configuration>{a_property('a', '1')}</configuration>")
    assert Configuration.load(tmp_path).raw("a") == "1"


def test_the_name_of_the_outer_element_is_free_and_a_property_without_a_name_is_none(
    tmp_path: Path,
) -> None:
    inside = f"<property><value>v</value></property>{a_property('a', '1')}"
    (tmp_path / "core-site.xml").write_text(f"<site>{inside}</site>")
    assert Configuration.load(tmp_path).raw("a") == "1"


def test_elements_in_a_value_are_its_text(tmp_path: Path) -> None:
    write(tmp_path, a_property("a", "1<x>2</x>3"))
    assert Configuration.load(tmp_path).raw("a") == "123"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "windows-1252", "iso-8859-15"])
def test_any_encoding_that_is_declared(tmp_path: Path, encoding: str) -> None:
    declared = "utf-16" if encoding.startswith("utf-16") else encoding
    text = f'<?xml version="1.0" encoding="{declared}"?><configuration>'
    text += f"{a_property('a', 'grün')}</configuration>"
    mark = b"\xff\xfe" if encoding == "utf-16-le" else b""
    (tmp_path / "core-site.xml").write_bytes(mark + text.encode(encoding))
    assert Configuration.load(tmp_path).raw("a") == "grün"


def test_an_encoding_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    content = b'<?xml version="1.0" encoding="no-such"?><configuration/>'
    (tmp_path / "core-site.xml").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"core-site\.xml is not XML"):
        Configuration.load(tmp_path)


def test_a_default_namespace_changes_nothing(tmp_path: Path) -> None:
    inside = a_property("a", "1")
    (tmp_path / "core-site.xml").write_text(
        f'<configuration xmlns="urn:x">{inside}</configuration>'
    )
    assert Configuration.load(tmp_path).raw("a") == "1"


def test_an_entity_may_be_another_file(tmp_path: Path) -> None:
    (tmp_path / "more.xml").write_text(a_property("a", "1"))
    doctype = '<!DOCTYPE configuration [<!ENTITY more SYSTEM "more.xml">]>'
    (tmp_path / "core-site.xml").write_text(f"{doctype}<configuration>&more;</configuration>")
    assert Configuration.load(tmp_path).raw("a") == "1"
    (tmp_path / "more.xml").unlink()
    with pytest.raises(ConfigurationError, match=r"core-site\.xml.*more\.xml.*does not exist"):
        Configuration.load(tmp_path)


def test_an_entity_that_is_its_own_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "more.xml").write_text("&more;")
    doctype = '<!DOCTYPE configuration [<!ENTITY more SYSTEM "more.xml">]>'
    (tmp_path / "core-site.xml").write_text(f"{doctype}<configuration>&more;</configuration>")
    with pytest.raises(ConfigurationError, match=r"core-site\.xml is not XML"):
        Configuration.load(tmp_path)


def test_an_include_without_a_namespace_counts(tmp_path: Path) -> None:
    write(tmp_path, '<include href="more.xml"/>')
    write(tmp_path, a_property("a", "1"), "more.xml")
    assert Configuration.load(tmp_path).raw("a") == "1"


@pytest.fixture
def web() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/site.xml"
            self.send_response(200 if found else 404)
            self.end_headers()
            if found:
                self.wfile.write(f"<configuration>{a_property('a', '1')}</configuration>".encode())

        def log_message(self, *arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=functools.partial(server.serve_forever, 0.01))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_file_of_a_web_server_is_included(tmp_path: Path, web: str) -> None:
    write(tmp_path, f'<xi:include href="{web}/site.xml"/>')
    assert Configuration.load(tmp_path).raw("a") == "1"


def test_an_include_that_a_web_server_does_not_have_is_refused(tmp_path: Path, web: str) -> None:
    fallback = f"<xi:fallback>{a_property('a', '2')}</xi:fallback>"
    write(tmp_path, f'<xi:include href="{web}/nothing.xml">{fallback}</xi:include>')
    with pytest.raises(ConfigurationError, match=r"core-site\.xml.*nothing\.xml.*404"):
        Configuration.load(tmp_path)


def test_a_web_server_that_nobody_reaches_is_what_the_fallback_is_for(tmp_path: Path) -> None:
    fallback = f"<xi:fallback>{a_property('a', '2')}</xi:fallback>"
    write(tmp_path, f'<xi:include href="http://127.0.0.1:1/x.xml">{fallback}</xi:include>')
    assert Configuration.load(tmp_path).raw("a") == "2"


def test_entities_cannot_fill_the_memory(tmp_path: Path) -> None:
    many = "".join(f'<!ENTITY e{number} "{f"&e{number - 1};" * 10}">' for number in range(1, 12))
    doctype = f'<!DOCTYPE configuration [<!ENTITY e0 "{"x" * 100}">{many}]>'
    inside = a_property("a", "&e11;")
    (tmp_path / "core-site.xml").write_text(f"{doctype}<configuration>{inside}</configuration>")
    with pytest.raises(ConfigurationError, match=r"core-site\.xml"):
        Configuration.load(tmp_path)


def test_a_long_entity_cannot_fill_the_memory(tmp_path: Path) -> None:
    doctype = f'<!DOCTYPE configuration [<!ENTITY e "{"x" * 100_000}">]>'
    inside = a_property("a", "&e;" * 1000)
    (tmp_path / "core-site.xml").write_text(f"{doctype}<configuration>{inside}</configuration>")
    with pytest.raises(ConfigurationError, match=r"core-site\.xml"):
        Configuration.load(tmp_path)


def test_includes_that_multiply_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site_file, "MAX_FILES", 50)
    write(tmp_path, '<xi:include href="0.xml"/>')
    for number in range(15):
        write(tmp_path, f'<xi:include href="{number + 1}.xml"/>' * 2, f"{number}.xml")
    write(tmp_path, "", "15.xml")
    with pytest.raises(ConfigurationError, match=r"core-site\.xml includes more than 50"):
        Configuration.load(tmp_path)


def test_an_include_of_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.xml")
    write(tmp_path, '<xi:include href="pipe.xml"/>')
    refused = r"pipe\.xml cannot be read: it is not a regular file but a pipe"
    with pytest.raises(ConfigurationError, match=refused):
        Configuration.load(tmp_path)
