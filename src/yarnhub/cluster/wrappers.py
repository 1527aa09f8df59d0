"""The wrappers `hadoop`, `hdfs` and `yarn`: what Java tools and scripts expect on PATH."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from yarnhub.cluster.java import java_flags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from yarnhub.cluster.state.layout import Layout

_FS = "org.apache.hadoop.fs.FsShell"
_VERSION = "org.apache.hadoop.util.VersionInfo"
_JAR = "org.apache.hadoop.util.RunJar"
_CLI = "org.apache.hadoop.yarn.client.cli"

COMMANDS: Mapping[str, Mapping[str, str]] = {
    "hadoop": {
        "fs": _FS,
        "dfs": _FS,
        "jar": _JAR,
        "version": _VERSION,
        "conftest": "org.apache.hadoop.util.ConfTest",
        "dtutil": "org.apache.hadoop.security.token.DtUtilShell",
        "key": "org.apache.hadoop.crypto.key.KeyShell",
        "kerbname": "org.apache.hadoop.security.HadoopKerberosName",
    },
    "hdfs": {
        "dfs": _FS,
        "haadmin": "org.apache.hadoop.hdfs.tools.DFSHAAdmin",
        "crypto": "org.apache.hadoop.hdfs.tools.CryptoAdmin",
        "dfsadmin": "org.apache.hadoop.hdfs.tools.DFSAdmin",
        "fsck": "org.apache.hadoop.hdfs.tools.DFSck",
        "getconf": "org.apache.hadoop.hdfs.tools.GetConf",
        "groups": "org.apache.hadoop.hdfs.tools.GetGroups",
        "version": _VERSION,
    },
    "yarn": {
        "application": f"{_CLI}.ApplicationCLI application",
        "app": f"{_CLI}.ApplicationCLI application",
        "applicationattempt": f"{_CLI}.ApplicationCLI applicationattempt",
        "container": f"{_CLI}.ApplicationCLI container",
        "cluster": f"{_CLI}.ClusterCLI",
        "jar": _JAR,
        "logs": f"{_CLI}.LogsCLI",
        "node": f"{_CLI}.NodeCLI",
        "queue": f"{_CLI}.QueueCLI",
        "rmadmin": f"{_CLI}.RMAdminCLI",
        "version": _VERSION,
    },
}


def wrapper_script(name: str, *, layout: Layout, jars: Path, java_home: Path, secure: bool) -> str:
    """The text of one wrapper; `NAME classpath` does not start a JVM, as tools call it often."""
    flags = shlex.join(["-Xmx256m", *java_flags(layout, secure=secure)])
    cases = [f'  {command}) set -- {target} "$@" ;;' for command, target in COMMANDS[name].items()]
    usage = f"usage: {name} {' | '.join(('classpath', *COMMANDS[name]))} [ARGUMENT...]"
    return "\n".join(
        [
            "#!/bin/sh",
            f"jars={shlex.quote(str(jars))}",
            f'conf="${{HADOOP_CONF_DIR:-{layout.conf}}}"',
            f"[ $# -gt 0 ] || {{ echo {shlex.quote(usage)} >&2; exit 2; }}",
            "command=$1",
            "shift",
            'case "$command" in',
            "  classpath)",
            '    if [ "${1:-}" != --glob ]; then echo "$conf:$jars/*"; exit 0; fi',
            "    line=$conf",
            '    for jar in "$jars"/*.jar; do line="$line:$jar"; done',
            '    echo "$line"',
            "    exit 0 ;;",
            *cases,
            '  *.*) set -- "$command" "$@" ;;',
            f"  *) echo {shlex.quote(usage)} >&2; exit 2 ;;",
            "esac",
            f"exec {shlex.quote(str(java_home / 'bin' / 'java'))} {flags} \\",
            '  -cp "$conf:$jars/*${HADOOP_CLASSPATH:+:$HADOOP_CLASSPATH}" \\',
            '  ${HADOOP_CLIENT_OPTS:-} "$@"',
            "",
        ]
    )


def write_wrappers(layout: Layout, *, jars: Path, java_home: Path, secure: bool) -> None:
    """Write all wrappers into the state folder."""
    layout.programs.mkdir(exist_ok=True)
    for name in COMMANDS:
        path = layout.programs / name
        text = wrapper_script(name, layout=layout, jars=jars, java_home=java_home, secure=secure)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)


def export_lines(variables: Mapping[str, str], path_entries: Sequence[Path]) -> str:
    """Shell text that sets the variables and puts folders in front of PATH."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    front = ":".join(shlex.quote(str(entry)) for entry in path_entries)
    return "\n".join([*lines, f'export PATH={front}:"$PATH"', ""])
