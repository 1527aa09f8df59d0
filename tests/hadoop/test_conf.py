"""Hadoop's configuration files."""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarnhub.base.errors import ConfigurationError
from yarnhub.hadoop import site_file
from yarnhub.hadoop.address import Address
from yarnhub.hadoop.conf import Configuration

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def write(folder: Path, name: str, inside: str) -> None:
    (folder / name).write_text(f"<?xml version='1.0'?>\n<configuration>{inside}</configuration>")


def a_property(name: str, value: str, *, final: bool = False) -> str:
    mark = "<final>true</final>" if final else ""
    return f"<property><name>{name}</name><value>{value}</value>{mark}</property>"


def test_a_later_file_overrides_an_earlier_one(tmp_path: Path) -> None:
    write(tmp_path, "core-site.xml", a_property("a", "core") + a_property("b", "core"))
    write(tmp_path, "yarn-site.xml", a_property("a", " yarn "))
    loaded = Configuration.load(tmp_path)
    assert (loaded.get("a"), loaded.get("b"), loaded.get("c")) == ("yarn", "core", None)
    assert loaded.get("c", "default") == "default"


def test_a_final_value_stays(tmp_path: Path) -> None:
    write(tmp_path, "core-site.xml", a_property("a", "core", final=True))
    write(tmp_path, "hdfs-site.xml", a_property("a", "hdfs"))
    assert Configuration.load(str(tmp_path)).get("a") == "core"


def test_the_attribute_form_is_read(tmp_path: Path) -> None:
    write(tmp_path, "core-site.xml", '<property name="a" value="b" final="true"/>')
    assert Configuration.load(tmp_path).get("a") == "b"


def test_a_property_without_a_value_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "core-site.xml", a_property("a", "b") + "<property><name>a</name></property>")
    assert Configuration.load(tmp_path).get("a") == "b"


def test_an_empty_folder_is_fine_and_a_missing_one_is_not(tmp_path: Path) -> None:
    assert Configuration.load(tmp_path).get("fs.defaultFS") is None
    with pytest.raises(
        ConfigurationError, match=r"the Hadoop configuration folder .*/nothing does not exist"
    ):
        Configuration.load(tmp_path / "nothing")


def test_deprecated_keys_are_the_new_ones(tmp_path: Path) -> None:
    write(tmp_path, "core-site.xml", a_property("fs.default.name", "hdfs://old"))
    loaded = Configuration.load(tmp_path)
    assert loaded.get("fs.defaultFS") == loaded.get("fs.default.name") == "hdfs://old"


def test_variables_are_filled_in() -> None:
    values = {
        "a": "${b}/x",
        "b": "${env.HOME}",
        "unset": "${nothing}-${env.NOTHING}",
        "or": "${env.NOTHING:-one} ${env.NOTHING-two} ${env.EMPTY:-three} ${env.EMPTY-four}",
        "old": "${fs.default.name}",
        "fs.defaultFS": "hdfs://nn",
        "user": "${user.name} ${user.home}",
        "temporary": "${hadoop.tmp.dir}",
        "manager": "${yarn.resourcemanager.address}",
        "yarn.resourcemanager.hostname": "rm1",
        "several": "${b} ${nothing} ${b}",
        "nested": "${env.${which}}",
        "which": "HOME",
        "itself": "x${itself}",
    }
    loaded = Configuration(values, {"HOME": "/home/alice", "EMPTY": "", "USER": "alice"})
    me = pwd.getpwuid(os.getuid())
    assert loaded.get("a") == "/home/alice/x"
    assert loaded.get("unset") == "${nothing}-${env.NOTHING}"
    assert loaded.raw("or") == "one two three "
    assert loaded.get("old") == "hdfs://nn"
    assert loaded.get("user") == f"{me.pw_name} {me.pw_dir}"  # as for a JVM, whatever USER says
    assert loaded.get("temporary") == f"/tmp/hadoop-{me.pw_name}"
    assert loaded.get("manager") == "rm1:8032"
    assert loaded.get("several") == "/home/alice ${nothing} ${b}"
    assert loaded.get("nested") == "/home/alice"
    assert loaded.get("itself") == "x${itself}"


def test_a_value_that_refers_to_itself_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"'.{4}' refers to itself"):
        Configuration({"a": "${b}", "b": "${a}"}).get("a")


def test_variables_that_multiply_are_refused() -> None:
    values = {f"v{number}": f"${{v{number + 1}}}" * 10 for number in range(30)}
    with pytest.raises(ConfigurationError, match="more than 20 variables"):
        Configuration({**values, "v30": "x" * 1000}).get("v0")


def test_a_file_beside_it_is_included(tmp_path: Path) -> None:
    xi = 'xmlns:xi="http://www.w3.org/2001/XInclude"'
    write(tmp_path, "core-site.xml", f'<xi:include {xi} href="more.xml"/>' + a_property("b", "2"))
    write(tmp_path, "more.xml", a_property("a", "1") + a_property("b", "1"))
    loaded = Configuration.load(tmp_path)
    assert (loaded.get("a"), loaded.get("b")) == ("1", "2")
    (tmp_path / "more.xml").unlink()
    with pytest.raises(ConfigurationError, match=r"core-site\.xml includes more\.xml, which"):
        Configuration.load(tmp_path)
    fallback = f'<xi:include {xi} href="more.xml"><xi:fallback/></xi:include>'
    write(tmp_path, "core-site.xml", fallback)
    Configuration.load(tmp_path)
    write(tmp_path, "core-site.xml", f'<xi:include {xi} href="core-site.xml"/>')
    with pytest.raises(ConfigurationError, match="includes itself"):
        Configuration.load(tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("<configuration>", "is not XML"),
        (f"<configuration>{'x' * site_file.MAX_BYTES}</configuration>", "it has more than"),
    ],
)
def test_a_file_that_is_not_as_it_should_be(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "core-site.xml").write_text(content)
    with pytest.raises(ConfigurationError, match=rf"core-site\.xml.*{reason}"):
        Configuration.load(tmp_path)


VALUES = Configuration(
    {
        "ten": "10",
        "hex": "0x1F",
        "half": "0.5",
        "yes": "TRUE",
        "no": "false",
        "list": " a, b ,,c",
        "empty": "",
        "address": "rm.example.com:8032",
        "host": "rm.example.com",
        "ms": "1500",
        "time": "30s",
        "long": "2 h",
    }
)


def test_typed_values() -> None:
    assert VALUES.get_int("ten", 1) == 10
    assert VALUES.get_int("hex", 1) == 31
    assert VALUES.get_float("half", 1) == 0.5
    assert VALUES.get_bool("yes", default=False) is True
    assert VALUES.get_bool("no", default=True) is False
    assert VALUES.get_list("list") == ("a", "b", "c")
    assert VALUES.get_address("address", 1) == Address("rm.example.com", 8032)
    assert VALUES.get_address("host", 8030) == Address("rm.example.com", 8030)
    assert VALUES.get_seconds("ms", 0) == 1.5
    assert VALUES.get_seconds("ten", 0, unit="s") == 10
    assert VALUES.get_seconds("time", 0) == 30
    assert VALUES.get_seconds("long", 0) == 7200


def test_what_is_not_set_or_empty_is_the_default() -> None:
    for key in ("nothing", "empty"):
        assert VALUES.get_int(key, 3) == 3
        assert VALUES.get_bool(key, default=True) is True
        assert VALUES.get_list(key, ("d",)) == ("d",)
        assert VALUES.get_seconds(key, 2.5) == 2.5
        assert VALUES.get_address(key, 1, Address("d", 2)) == Address("d", 2)
    with pytest.raises(ConfigurationError, match="nothing is not set"):
        VALUES.get_address("nothing", 1)


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (lambda c: c.get_int("k", 0), "1.5", "a whole number"),
        (lambda c: c.get_float("k", 0), "x", "a number"),
        (lambda c: c.get_bool("k", default=False), "yes", "true or false"),
        (lambda c: c.get_seconds("k", 0), "30 parsecs", "a time such as 30s or 500ms"),
        (lambda c: c.get_address("k", 1), "host:port", "host:port"),
    ],
)
def test_a_wrong_value_names_file_key_and_value(
    tmp_path: Path, read: Callable[[Configuration], object], value: str, expected: str
) -> None:
    write(tmp_path, "yarn-site.xml", a_property("k", value))
    with pytest.raises(ConfigurationError) as caught:
        read(Configuration.load(tmp_path))
    assert str(caught.value) == f"yarn-site.xml: k is {value!r}: expected {expected}"


def test_an_empty_value_sets_nothing(tmp_path: Path) -> None:
    write(tmp_path, "core-site.xml", a_property("yarn.resourcemanager.address", ""))
    loaded = Configuration.load(tmp_path)
    assert loaded.get("yarn.resourcemanager.address") is None
    assert loaded.get_address("yarn.resourcemanager.address", 1, Address("d", 2)) == ("d", 2)


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=30))
def test_any_value_is_found_again(value: str) -> None:
    assert Configuration({"key": value.replace("$", "")}).raw("key") == value.replace("$", "")


def test_messages_are_short_whatever_is_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "core-site.xml"
    long = "x" * 5000
    for content, words in {
        f"<property><name>a</name><value>{long}</value></property>": "expected",
        f"<property><name>a</name><value>${{a}}{long}</value></property>": "expected",
        f'<include href="{long}"/>': "cannot be read: File name too long",
        f'<include href="a/{long}/b"/>': "cannot be read: File name too long",
    }.items():
        file.write_text(f"<configuration>{content}</configuration>")
        with pytest.raises(ConfigurationError, match=words) as caught:
            Configuration.load(tmp_path).get_bool("a", default=False)
        assert len(str(caught.value)) < 1000
