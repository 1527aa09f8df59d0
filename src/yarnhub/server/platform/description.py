"""The description of the API, OpenAPI 3.1: what the types of its code do not tell."""

from __future__ import annotations

import http
from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi
from pydantic import Field
from pydantic.json_schema import models_json_schema

from yarnhub.server.platform.documents import Document

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.routing import APIRoute

VERSION = "/api/v1"
"""Where the API is, below the prefix of the service."""
TITLE = "yarnhub"
SUMMARY = "What runs on the cluster, and what has run."
DESCRIPTION = """\
Send a token of JupyterHub with each request, as `Authorization: Bearer TOKEN`; only the health and
this document need none. Some services accept a Kerberos ticket instead (`Negotiate`).

Errors are `application/problem+json` (RFC 9457): `detail` has the reason, in words for users. A
request that is refused with 429, 502 or 503 can be sent again later. Times are ISO 8601 in UTC,
memory is in MiB.
"""
TAGS = [
    {
        "name": "applications",
        "description": "The applications of all users: list, follow, explain, move and kill them.",
    },
    {
        "name": "logs",
        "description": "The log files of an application: on the nodes while it runs, and then "
        "those that YARN keeps.",
    },
    {"name": "servers", "description": "The user's notebook servers at JupyterHub."},
    {
        "name": "environments",
        "description": "Environments in HDFS, as the user can use, share and delete them.",
    },
    {"name": "builds", "description": "Builds of environments, which run on YARN as the user."},
    {
        "name": "limits",
        "description": "What users can hold at the same time, which administrators can change.",
    },
    {"name": "cluster", "description": "The nodes and queues, at most 3 seconds old."},
    {"name": "usage", "description": "What applications have used in each hour."},
    {"name": "audit", "description": "What was done, and by whom; for administrators."},
    {"name": "health", "description": "For programs that supervise the service."},
]
PROBLEM = "application/problem+json"
"""The content type of errors (RFC 9457)."""
_REF = "#/components/schemas/{model}"


class InvalidParameter(Document):
    """A part of a request that is not valid."""

    detail: str = Field(examples=["Input should be greater than or equal to 1"])
    """The reason."""
    place: str = Field(alias="in", examples=["query"])
    """`path`, `query`, `header` or `body`."""
    name: str = Field(examples=["limit"])
    """The name of the parameter, or where it is in the body, such as `pip[0]`."""


class Problem(Document):
    """Why a request was refused or failed (RFC 9457)."""

    title: str = Field(examples=["Not Found"])
    """The name of the status."""
    status: int = Field(ge=100, le=599, examples=[404])
    """The HTTP status."""
    detail: str = Field(default="", examples=["application_1795244520406_0001 does not exist"])
    """The reason, in words for users; absent if the status says it all."""
    errors: tuple[InvalidParameter, ...] = Field(default=(), max_length=20)
    """The parameters that are not valid, with status 422."""


_REFUSALS = {
    401: "The token is missing, or not valid for this service",
    403: "The user may not do this, or may not use this service",
    404: "It does not exist",
    408: "The body does not arrive",
    409: "Not possible in the current state",
    412: "Somebody else has changed it",
    413: "The body is too large",
    416: "The file does not have this range",
    422: "A parameter or the body is not valid: see `errors`",
    429: "Too many requests of the user or of all users are running",
    500: "The service has a fault",
    502: "The cluster or the hub refuses the service, or responds in an unexpected way",
    503: "The cluster, the hub or the database does not respond",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The responses that are problems, for a route or a router."""
    return {status: problem_response(status, _REFUSALS[status]) for status in statuses}


def problem_response(status: int, description: str) -> dict[str, Any]:
    """The description of a response that is a problem."""
    title = http.HTTPStatus(status).phrase
    example = {"title": title, "status": status, "detail": f"{description}."}
    schema = {"$ref": _REF.format(model=Problem.__name__)}
    return {
        "description": description,
        "content": {PROBLEM: {"schema": schema, "example": example}},
    }


COMMON = problems(401, 403, 500, 502, 503)
"""What each operation that needs a token can answer."""


def name_of(route: APIRoute) -> str:
    """The `operationId` of a route: the name of its function, which clients have as a method."""
    return route.name


def describe(app: FastAPI) -> None:
    """Have an application describe its problems, too, and its parameters as they are sent."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                description=app.description,
                tags=app.openapi_tags,
                routes=app.routes,
            )
            _, extra = models_json_schema(
                [(Problem, "serialization")], by_alias=True, ref_template=_REF
            )
            document["components"]["schemas"] |= extra["$defs"]
            for operations in document["paths"].values():
                for operation in operations.values():
                    for parameter in operation.get("parameters", ()):
                        parameter["schema"] = _sent(parameter["schema"])
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]  # as FastAPI's documentation does


def _sent(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter without null: it is left out instead."""
    choices = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if len(choices) != 1:
        return schema
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    return {**choices[0], **rest}
