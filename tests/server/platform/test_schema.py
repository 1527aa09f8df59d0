"""The API does what its description says, with requests that Schemathesis makes from it.

For each operation, it makes about 50 requests with the least, the greatest and the next invalid
values of each parameter, with other methods and without parts (its "coverage"), and then random
ones, valid and invalid. The seed is fixed; Hypothesis also draws constants of loaded modules.

All of its checks are on: no 5xx; documented statuses, content types, headers and schemas; invalid
requests are refused, valid ones are not; the token is needed; other methods get 405 and `Allow`.
The exception is `positive_data_acceptance` where a schema cannot describe all: that `from` is
before `to` in requests of usage, whom a limit is for, and the texts of specifications and of names
of users. Events and
files are checked up to their content type: their content has no schema.
"""

from __future__ import annotations

import zlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.config._checks import POSITIVE_DATA_ACCEPTANCE_EXPECTED_STATUSES
from schemathesis.specs.openapi.checks import positive_data_acceptance

from yarnhub.server.platform.app import application

if TYPE_CHECKING:
    from schemathesis import Case
    from schemathesis.specs.openapi.schemas import OpenApiSchema

    from server.platform.populated import Populated

EXAMPLES = 20
"""Random requests for each operation: at most so many valid ones and so many invalid ones."""
REFUSED_EXAMPLES = 3
"""The same without a valid token."""


def api_with(examples: int) -> OpenApiSchema:
    """The API, for tests of each of its operations with so many random requests."""
    config = {
        "seed": 1,
        "generation": {
            "max-examples": examples,
            "deterministic": True,
            "database": "none",
            "allow-extra-parameters": False,  # unknown ones are ignored
            "with-security-parameters": False,  # the tests send tokens
        },
        "checks": {
            # A range of a valid form that the file does not have is refused, too.
            "positive_data_acceptance": {
                "expected-statuses": [*POSITIVE_DATA_ACCEPTANCE_EXPECTED_STATUSES, "416"]
            }
        },
    }
    described = application(SimpleNamespace(prefix="/hub")).openapi()  # type: ignore[arg-type]  # enough
    return schemathesis.openapi.from_dict(described, config=SchemathesisConfig.from_dict(config))


@api_with(EXAMPLES).parametrize()
def test_requests_with_a_token_are_answered_as_described(
    case: Case[Any], everything: Populated
) -> None:
    assert case.meta is not None
    if case.meta.generation.mode.is_positive:
        choose_ids(case, everything)
    is_partly_described = case.path.endswith(("/usage", "/usage.csv", "/build", "/share"))
    case.call_and_validate(
        base_url=everything.url,
        headers={"Authorization": "Bearer a"},
        excluded_checks=[positive_data_acceptance] if is_partly_described else [],
    )


@api_with(EXAMPLES).include(path_regex="/(limits/|audit)").parametrize()
def test_requests_of_administrators_are_answered_as_described(
    case: Case[Any], everything: Populated
) -> None:
    case.call_and_validate(
        base_url=everything.url,
        headers={"Authorization": "Bearer c"},
        # The names of users and groups depend on the scope, and builds have no memory.
        excluded_checks=[positive_data_acceptance],
    )


@api_with(REFUSED_EXAMPLES).exclude(operation_id="check_health").parametrize()
def test_requests_without_a_valid_token_are_refused_as_described(
    case: Case[Any], everything: Populated
) -> None:
    for headers in ({}, {"Authorization": "token unknown"}):
        answer = case.call_and_validate(base_url=everything.url, headers=headers)
        assert answer.status_code in (401, 404, 405)  # whatever else is wrong with it


def choose_ids(case: Case[Any], everything: Populated) -> None:
    """Have most requests name something that exists."""
    seed = zlib.crc32(repr((case.path_parameters, case.query, case.headers)).encode())
    places = [*everything.logs, (str(everything.waiting), "", "")]
    application_id, container_id, name = places[seed % len(places)]
    if case.path.endswith("/kill"):
        application_id = str(everything.to_kill)
    if "/builds/" in case.path:
        is_canceled = case.path.endswith("/cancel")
        application_id = str(everything.to_cancel if is_canceled else everything.build)
    chosen = {"application_id": application_id, "container_id": container_id, "name": name}
    if "/environments/" in case.path:
        is_deleted = case.path.endswith("/delete")
        name = everything.to_delete if is_deleted else everything.environment
        chosen = {"owner": "alice", "name": name, "number": "1"}
    if seed % 5:
        kept = case.path_parameters
        case.path_parameters = {key: chosen.get(key) or kept[key] for key in kept}
