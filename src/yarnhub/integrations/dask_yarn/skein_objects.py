"""Objects of skein that dask-yarn's users pass in and get back.

The one place of yarnhub that imports skein: dask-yarn's interface has its classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import skein
from skein.model import Container
from yarnhub.client.submit.spec_file import read_spec_file, resolve_sources
from yarnhub.spec import ApplicationSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.client.application.client import ApplicationClient
    from yarnhub.control.messages import ServiceContainer


def specification_of(given: object) -> ApplicationSpec:
    """A specification of `yarnhub.spec`.

    Args:
        given: A specification, its document, or the path of its file.

    Raises:
        TypeError: It is none of these.
        SpecError: It is not valid, or names a local file that does not exist.
        OSError: The file cannot be read.
    """
    match given:
        case str() | Path():
            return read_spec_file(given)
        case ApplicationSpec():
            document: object = given.to_dict()
        case Mapping():
            document = given
        case _:
            name = type(given).__name__
            raise TypeError(f"spec must be an ApplicationSpec, a dict or a path, not {name}")
    return resolve_sources(ApplicationSpec.from_dict(document), Path.cwd())


def application_client_of(connection: ApplicationClient) -> skein.ApplicationClient:
    """A blocking client of an application, with a connection of its own."""
    pair = connection.credentials
    security = skein.Security(cert_bytes=pair.certificate, key_bytes=pair.key)
    return skein.ApplicationClient(connection.address, connection.id, security=security)


def containers_of(messages: Iterable[ServiceContainer]) -> list[Container]:
    """The containers as skein returns them."""
    return [Container.of(each) for each in messages]
