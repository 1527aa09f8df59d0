"""The cluster's file system as a client's user sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.filesystem.delegation import NameNodeTokens
from yarnhub.filesystem.open import open_file_system
from yarnhub.hadoop.security.users import KerberosUser, TokenUser

if TYPE_CHECKING:
    from yarnhub.client.settings import Settings
    from yarnhub.filesystem.port import FileSystem


async def user_file_system(settings: Settings) -> FileSystem:
    """Open `fs.defaultFS`.

    Cancelling may leave a token behind that expires unused.
    """
    user = settings.user
    if isinstance(user, KerberosUser) and user.name is not None:
        # With a ticket alone nobody acts for another user there; with the other's token, yes.
        name_node = NameNodeTokens("", settings.configuration)
        user = TokenUser(await name_node.fetch(user, renewer=user.credential.principal))
    return open_file_system("", settings.configuration, user, trust=settings.trust)
