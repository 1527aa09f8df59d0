"""What skein's users read of an explanation: the keys of `--output json` are public."""

from __future__ import annotations

import json

import pytest

from client.explain.applications import ENDED, PENDING
from skein.cli.json_output import to_json
from skein.explanation import Explanation
from yarnhub.client.explain.explanation import explain

LOGS = "skein application logs application_1_0007"


def test_what_programs_read() -> None:
    found = Explanation.of(explain(PENDING["a label that no node has"]), logs=LOGS)
    assert json.loads(to_json(found)) == {
        "id": "application_1_0007",
        "state": "ACCEPTED",
        "summary": "It waits for a container for its ApplicationMaster.",
        "reasons": [
            (
                "It waits for a node with the label 'gpu': no such node is running. No node has "
                "any label."
            )
        ],
        "places": [],
        "starting": [],
    }


@pytest.mark.parametrize(
    ("case", "hints"),
    [("well", []), ("killed", [f"Its logs may say more: {LOGS}"])],
)
def test_what_did_not_end_well_has_logs_to_read(case: str, hints: list[str]) -> None:
    found = Explanation.of(explain(ENDED[case]), logs=LOGS)
    assert [reason for reason in found.reasons if "logs" in reason] == hints
    assert found.reasons[len(found.reasons) - len(hints) :] == tuple(hints), "the last one"
