"""How findings are told."""

from __future__ import annotations

import json
from dataclasses import replace

from yarnhub.integrations.doctor.finding import as_json, error, not_checked, ok, summary, warning

FOUND = [
    replace(ok("it runs"), check="queue"),
    replace(warning("it is\nslow", "buy another"), check="disk"),
    replace(error("it is gone"), check="node"),
    replace(not_checked("nobody knows"), check="rest"),
    replace(ok("it is blue"), check="sky"),
]


def test_a_line_for_each() -> None:
    assert [each.line for each in FOUND] == [
        "ok           queue: it runs",
        "warning      disk: it is slow -> buy another",
        "error        node: it is gone",
        "not checked  rest: nobody knows",
        "ok           sky: it is blue",
    ]
    assert summary(FOUND) == "2 ok, 1 warning, 1 error, 1 not checked"


def test_as_objects() -> None:
    assert json.loads(as_json(FOUND))[1] == {
        "check": "disk",
        "grade": "warning",
        "what": "it is\nslow",
        "mend": "buy another",
    }
