"""Rules that make users of principals: one table for Java's KerberosName and for ours."""

from __future__ import annotations

import asyncio
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import pytest

from yarnhub.base.errors import ConfigurationError
from yarnhub.cluster.host import Host
from yarnhub.cluster.jars import provide_jars
from yarnhub.cluster.java import find_java
from yarnhub.cluster.options import ClusterOptions
from yarnhub.cluster.site.files import site_xml
from yarnhub.hadoop.security.auth_to_local import MECHANISM, RULES, local_name
from yarnhub.hadoop.security.authentication import KEY

if TYPE_CHECKING:
    from pathlib import Path

REALM = "EXAMPLE.COM"
REFUSED = None


class Case(NamedTuple):
    rules: str | None
    names: dict[str, str | None]
    mechanism: str | None = None
    security: str = "kerberos"

    @property
    def properties(self) -> dict[str, str]:
        given = {KEY: self.security, RULES: self.rules, MECHANISM: self.mechanism}
        return {key: value for key, value in given.items() if value is not None}


CASES = (
    Case(
        None,
        {
            "alice@EXAMPLE.COM": "alice",
            "rm/host.example.com@EXAMPLE.COM": "rm",
            "alice@OTHER.COM": REFUSED,
            "alice": "alice",
            "a/b/c@EXAMPLE.COM": REFUSED,
        },
    ),
    Case(
        "RULE:[1:$1@$0](asmith@.*)s/.*/alice/\nDEFAULT",
        {"asmith@EXAMPLE.COM": "alice", "bob@EXAMPLE.COM": "bob", "asmith/x@EXAMPLE.COM": "asmith"},
    ),
    Case(None, {"alice@OTHER.COM": "alice", "rm/h@OTHER.COM": "rm"}, security="simple"),
    # As Ambari and Cloudera Manager write them.
    Case(
        """
        RULE:[1:$1@$0](ambari-qa-c1@EXAMPLE.COM)s/.*/ambari-qa/
        RULE:[1:$1@$0](.*@OTHER.COM)s/@.*//
        RULE:[2:$1@$0](dn@EXAMPLE.COM)s/.*/hdfs/
        RULE:[2:$1/$2@$0](rm/rm[12].example.com@EXAMPLE.COM)s/.*/yarn/
        RULE:[2:$1@$0](jhs@EXAMPLE.COM)s/.*/mapred/L
        DEFAULT
        """,
        {
            "ambari-qa-c1@EXAMPLE.COM": "ambari-qa",
            "Carol@OTHER.COM": "Carol",
            "dn/h@EXAMPLE.COM": "hdfs",
            "rm/rm2.example.com@EXAMPLE.COM": "yarn",
            "rm/rm3.example.com@EXAMPLE.COM": "rm",
            "jhs/h@EXAMPLE.COM": "mapred",
            "dn/h@OTHER.COM": REFUSED,
        },
    ),
    # In lower case; with and without the slash in front of L.
    Case(
        "RULE:[1:$1@$0](.*@EXAMPLE\\.COM)s/@.*///L RULE:[2:$1@$0](.*@EXAMPLE\\.COM)s/@.*//L",
        {"ALICE@EXAMPLE.COM": "alice", "Rm/h@EXAMPLE.COM": "rm", "ALICE@EXAMPLEXCOM": REFUSED},
    ),
    Case("RULE:[1:$1]/L RULE:[2:$1_$2]", {"AbC@X": "abc", "a/b@X": "a_b", "a/B@X": "a_B"}),
    # Once, and everywhere.
    Case("RULE:[1:$1]s/a/X/", {"banana@EXAMPLE.COM": "bXnana"}),
    Case("RULE:[1:$1]s/a/X/g", {"banana@EXAMPLE.COM": "bXnXnX"}),
    Case("RULE:[1:$1]s/a//g", {"banana@EXAMPLE.COM": "bnn"}),
    # Groups and escapes in what is put in.
    Case("RULE:[1:$1@$0]s/(.)(.*)@.*/$2$1/", {"alice@EXAMPLE.COM": "licea"}),
    Case("RULE:[1:$1@$0]s/(.*)@.*/$12/", {"alice@EXAMPLE.COM": "alice2"}),
    Case("RULE:[1:$1]s/a/\\$1/", {"banana@EXAMPLE.COM": "b$1nana"}),
    Case("RULE:[1:$1@$0]s/(?<user>.*)@.*/${user}x/", {"alice@EXAMPLE.COM": "alicex"}),
    Case("RULE:[1:$1@$0]s/(x)?(.*)@.*/$1$2/", {"alice@EXAMPLE.COM": "alice"}),
    Case("RULE:[1:$1]s/(a)/$2/", {"alice@EXAMPLE.COM": REFUSED, "bob@EXAMPLE.COM": "bob"}),
    Case("RULE:[1:$1]s/a/x$/", {"alice@EXAMPLE.COM": REFUSED, "bob@EXAMPLE.COM": "bob"}),
    # Parts.
    Case("RULE:[2:$2-$1-$0]", {"a/b@EXAMPLE.COM": "b-a-EXAMPLE.COM", "a@EXAMPLE.COM": REFUSED}),
    Case("RULE:[1:$2]", {"alice@EXAMPLE.COM": REFUSED}),
    Case("RULE:[1:$x]", {"alice@EXAMPLE.COM": REFUSED}),
    Case("RULE:[1:fixed]", {"alice@EXAMPLE.COM": "fixed"}),
    Case("RULE:[2:$1@$0](.*@null)s/@.*//", {"a/b": "a"}),
    # The whole text must match; a pattern ends with the first parenthesis.
    Case("RULE:[1:$1](ali)s/.*/x/ DEFAULT", {"alice@EXAMPLE.COM": "alice"}),
    Case("RULE:[1:$1](a(b|c))s/.*/x/", {"ab@EXAMPLE.COM": REFUSED}),
    Case("DEFAULT RULE:[1:$1]", {"alice@EXAMPLE.COM": "alice", "alice@OTHER.COM": "alice"}),
    Case("DEFAULT/L", {"Alice@EXAMPLE.COM": "Alice"}),
    # What is no rule.
    Case("RULE[1:$1]", {"alice@EXAMPLE.COM": REFUSED}),
    Case("RULE:[:$1]", {"alice@EXAMPLE.COM": REFUSED}),
    Case("DEFAULT nonsense", {"alice@EXAMPLE.COM": REFUSED}),
    Case("RULE:[1:$1](*)", {"alice@EXAMPLE.COM": REFUSED}),
    Case("RULE:[1:$1]s/(/x/", {"alice@EXAMPLE.COM": REFUSED}),
    # Both mechanisms.
    Case("RULE:[1:$1@$0]", {"alice@EXAMPLE.COM": REFUSED}, "hadoop"),
    Case(
        "RULE:[1:$1@$0](.*@OTHER.COM)/L DEFAULT",
        {
            "Alice@OTHER.COM": "alice@other.com",
            "bob@EXAMPLE.COM": "bob",
            "bob@THIRD.COM": "bob@THIRD.COM",
            "a/b@THIRD.COM": "a/b@THIRD.COM",
        },
        "MIT",
    ),
    Case("DEFAULT", {"alice@EXAMPLE.COM": "alice", "alice@OTHER.COM": "alice@OTHER.COM"}, "mit"),
    Case("DEFAULT", {"alice@EXAMPLE.COM": REFUSED}, "heimdal"),
)


def ours(case: Case, principal: str) -> str | None:
    try:
        return local_name(principal, case.properties, realm=lambda: REALM)
    except ConfigurationError:
        return REFUSED


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.rules).strip()[:40])
def test_the_names_are_those_of_the_table(case: Case) -> None:
    assert {principal: ours(case, principal) for principal in case.names} == case.names


@pytest.mark.cluster
def test_the_table_is_java_s(tmp_path: Path) -> None:
    host, options = Host.from_environment(), ClusterOptions()
    jars = asyncio.run(
        provide_jars(options.hadoop, host.cache, repository=None, report=lambda *_: None)
    )
    java = str(find_java(host, chosen=None, kerberos=False).home / "bin" / "java")
    krb5_conf = tmp_path / "krb5.conf"
    krb5_conf.write_text(f"[libdefaults]\n default_realm = {REALM}\n")

    flags = [f"-Djava.security.krb5.conf={krb5_conf}", "-XX:TieredStopAtLevel=1"]
    flags += ["-XX:+UseSerialGC", "-Xmx64m"]
    classes = tmp_path / "classes.jsa"

    def run(flag: str, class_path: str, *principals: str) -> subprocess.CompletedProcess[str]:
        main = "org.apache.hadoop.security.HadoopKerberosName"
        command = [java, *flags, flag, "-cp", class_path, main, *principals]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def names(number: int, *principals: str) -> list[str | None]:
        """Those that Java makes; it ends at the first principal that it refuses."""
        # Class data is for the beginning of a class path.
        class_path = f"{jars}/*:{tmp_path / str(number)}"
        ended = run(f"-XX:SharedArchiveFile={classes}", class_path, *principals)
        if ended.returncode:
            assert "Exception in thread" in ended.stderr, ended.stderr + ended.stdout
            return [REFUSED for _ in principals]
        lines = ended.stdout.splitlines()
        return [
            line.removeprefix(f"Name: {principal} to ").strip()
            for principal, line in zip(principals, lines, strict=True)
        ]

    asked: list[tuple[int, list[str]]] = []
    for number, case in enumerate(CASES):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}" / "core-site.xml").write_text(site_xml(case.properties))
        accepted = [principal for principal, name in case.names.items() if name is not REFUSED]
        asked += [(number, accepted)] if accepted else []
        asked += [(number, [each]) for each in case.names if each not in accepted]
    # All but the first one start in half the time.
    run(f"-XX:ArchiveClassesAtExit={classes}", f"{jars}/*", f"alice@{REALM}")
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda each: names(each[0], *each[1]), asked))
    assert answers == [[CASES[number].names[each] for each in group] for number, group in asked]


def test_the_default_realm_is_asked_for_only_by_the_rule_that_needs_it() -> None:
    def realm() -> str:
        raise AssertionError("no Kerberos library is needed for this")

    rules = {RULES: "RULE:[1:$1@$0](.*@EXAMPLE.COM)s/@.*// DEFAULT"}
    assert local_name("alice@EXAMPLE.COM", rules, realm=realm) == "alice"
    assert local_name("alice", {KEY: "kerberos"}, realm=realm) == "alice"


@pytest.mark.parametrize(
    ("rules", "principal", "reason"),
    [
        (
            "DEFAULT",
            "alice@OTHER.COM",
            "no rule of hadoop.security.auth_to_local applies to alice@",
        ),
        (
            "RULE:[1:$1@$0]",
            "alice@X",
            "maps alice@X to 'alice@X': a user name cannot contain / or @",
        ),
        ("RULE:[1:$4]", "alice@X", r"RULE:\[1:\$4\]: \$4 is not one of \$0 to \$1"),
        ("WRONG", "alice@X", "not a rule: WRONG"),
        # To Java, the letters but i: to Python, other characters.
        ("RULE:[1:$1](.*)s/[a-z&&[^i]]//", "alice@X", "Possible set intersection"),
        (f"RULE:[1:$1](.*)s/{'(' * 5000}{')' * 5000}//", "alice@X", "nested too deeply"),
        ("DEFAULT", "a/b/c@X", "'a/b/c@X' is not a Kerberos principal"),
    ],
)
def test_a_refusal_says_why(rules: str, principal: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        local_name(principal, {KEY: "kerberos", RULES: rules}, realm=lambda: REALM)
