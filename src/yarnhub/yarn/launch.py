"""Building the launch of a container: escaping, scripts, local resources.

The NodeManager writes `export NAME="value"` and `exec /bin/bash -c "command"` into a script of its
own and escapes nothing, so what is meant literally is escaped here. Before that it replaces marks
of its own: `{{`, `}}`, `<LOG_DIR>` and `<CPS>`.

Source: org.apache.hadoop.yarn.server.nodemanager.containermanager.launcher.ContainerLaunch
(UnixShellScriptBuilder.env and .command, expandEnvironment).
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from yarnhub.yarn.records.launch import URL

MAX_SCRIPT_BYTES = 96 * 1024
"""Bytes of a script in the environment: Linux allows 128 KiB for one variable (MAX_ARG_STRLEN in
execve(2)), including its name and the shell's overhead."""

_SPECIAL = str.maketrans({"\\": "\\\\", '"': '\\"', "$": "\\$", "`": "\\`"})
_EXPANDED_MARKS = re.compile(r"\{(?=\{)|\}(?=\})|<(?=LOG_DIR>|CPS>)")


def run_token_file(arguments: str = "") -> str:
    """A line of shell that becomes the program in the container's token file, if it can.

    Python runs the token file, which contains a zip. -I and -S keep the node's site packages and
    variables out of it. The named Python is tried first, then the node's own, then one in an
    environment among the container's files. Without a suitable Python it does nothing.

    Args:
        arguments: The program's arguments, quoted for the shell.
    """
    return (
        "for python in $YARNHUB_PYTHON python3 python3.14 python3.13 python3.12 python3.11 "
        "*/bin/python3; do "
        """if "$python" -IS -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; """
        f'then exec "$python" -IS "$HADOOP_TOKEN_FILE_LOCATION" {arguments}; fi; done'
    )


def escape(text: str) -> str:
    """Make text literal between double quotes in the NodeManager's script."""
    # The quotes are closed and opened again within a mark, so that the NodeManager does not find
    # it.
    return _EXPANDED_MARKS.sub(r'\g<0>""', text.translate(_SPECIAL))


def environment(variables: dict[str, str]) -> dict[str, str]:
    """Environment variables whose values are meant literally."""
    return {name: escape(value) for name, value in variables.items()}


def command(line: str, log: str) -> str:
    """A command for the launch script; stdout and stderr go to the container's file `log`.

    It may have several lines, whose output all goes there.
    """
    return f"exec 1><LOG_DIR>/{log} 2>&1\n{escape(line)}"


def url(text: str) -> URL:
    """A URL as YARN's record; what Hadoop's own parser keeps of it is kept.

    Source: org.apache.hadoop.yarn.api.records.URL.fromURI.
    """
    parts = urlsplit(text, allow_fragments=False)
    userinfo, _, hostport = parts.netloc.rpartition("@")
    host, colon, port = hostport.rpartition(":")
    if not (colon and port.isdecimal()):
        host, port = hostport, ""
    return URL(
        scheme=parts.scheme,
        host=host or None,
        port=int(port) if port else None,
        file=unquote(parts.path),
        user_info=userinfo or None,
    )
