"""The walk through skein's document on its notebook recipe, with a real notebook server."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SPEC = """\
name: jupyter-demo

services:
  jupyter:
    resources:
      memory: 1024
      vcores: 1
    env:
      HOME: /nosuch
    commands:
      - source {environment}/bin/activate
      - python -m skein.recipes.jupyter_notebook {arguments}
"""


def ask(found: dict[str, Any], path: str, method: str = "GET", token: str | None = None) -> Any:
    url = f"{found['protocol']}://{found['host']}:{found['port']}{found['base_url']}{path}"
    headers = {"Authorization": f"token {found['token'] if token is None else token}"}
    request = urllib.request.Request(url, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


@pytest.mark.cluster
@pytest.mark.timeout(400)
def test_a_notebook_server_from_submission_to_its_quit_button(
    skein: Any,
    environment: Path,
    eventually: Callable[[Callable[[], bool]], None],
    command_lines: Callable[[], bytes],
) -> None:
    app_id = skein.submit(SPEC.format(environment=environment, arguments=""))
    done = skein("kv", "get", app_id, "--key", "jupyter.notebook.info", "--wait")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert list(found) == ["protocol", "host", "port", "base_url", "token"]
    assert done.stdout.count(b"\n") == 1

    # It answers at once, to who has the token.
    assert b'"python3"' in ask(found, "api/kernelspecs")
    assert b"jupyter" in ask(found, "tree").lower()
    for path in ("api/contents", "api/kernelspecs"):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            ask(found, path, token="")
    kernel = json.loads(ask(found, "api/kernels", "POST"))
    assert kernel["name"] == "python3"

    # The token is in no command line, and in no log.
    commands = command_lines()
    assert b"skein.recipes.jupyter_notebook" in commands
    assert found["token"].encode() not in commands

    ask(found, "api/shutdown", "POST")
    eventually(lambda: skein.state(app_id) != "RUNNING")
    cells = [cell.strip() for cell in skein.status(app_id) if cell]
    assert cells[1:7] == ["jupyter-demo", "FINISHED", "SUCCEEDED", "0", "0", "0"]
    logs = skein.out("application", "logs", app_id)
    assert "Shutting down on /api/shutdown request" in logs
    assert found["token"] not in logs


@pytest.mark.cluster
@pytest.mark.timeout(400)
def test_a_notebook_server_with_arguments_of_its_own(skein: Any, environment: Path) -> None:
    arguments = "--notebook-info-key other.key --ip 127.0.0.1 --port 9731 --ServerApp.base_url=/x/"
    app_id = skein.submit(SPEC.format(environment=environment, arguments=arguments))
    done = skein("kv", "get", app_id, "--key", "other.key", "--wait")
    found = json.loads(done.stdout)
    assert (found["host"], found["base_url"]) == ("127.0.0.1", "/x/")
    assert 9731 <= found["port"] < 9831
    assert b'"python3"' in ask(found, "api/kernelspecs")
    skein.out("application", "shutdown", app_id)
    cells = [cell.strip() for cell in skein.status(app_id) if cell]
    assert cells[2:7] == ["FINISHED", "SUCCEEDED", "0", "0", "0"]
