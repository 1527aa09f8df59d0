"""The notebook servers of the user, with the user's own token of the hub."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException

from yarnhub.server.platform import documents
from yarnhub.server.platform.description import COMMON, problems
from yarnhub.server.platform.documents import NotebookServer  # noqa: TC001  # FastAPI reads it
from yarnhub.server.platform.service import IdentityOf, ServiceOf  # noqa: TC001

router = APIRouter(prefix="/servers", tags=["servers"], responses={**COMMON, **problems(429)})


@router.get("")
async def list_servers(service: ServiceOf, identity: IdentityOf) -> tuple[NotebookServer, ...]:
    """List the user's notebook servers at JupyterHub: the default one, and at most 100 by name.

    The token needs the scope `read:servers`. A Kerberos ticket is not enough.
    """
    if not identity.token:
        raise HTTPException(403, "Notebook servers are listed with a token of JupyterHub only.")
    with service.server_calls.take(identity.name):
        found = await service.servers.list(identity.token)
    if found is None:
        raise HTTPException(403, "This token needs the scope read:servers!user of JupyterHub.")
    return tuple(map(documents.notebook_server, found.servers))
