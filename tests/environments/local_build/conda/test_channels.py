"""The channels of conda packages: names, mirrors, logins, proxies and certificates."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from environments.folder_server import LOGIN, Folder, netrc, proxy, serving
from environments.local_build.conda.building import built, conda_lock, failure, locked, spec
from hadoop.secure_server import server_context
from yarnhub.cluster.security.certificates import Authority
from yarnhub.environments.progress import Step
from yarnhub.environments.specification import Conda, EnvironmentSpec

if TYPE_CHECKING:
    from pathlib import Path

    from environments.local_build.conda.channel import CondaChannel
    from yarnhub.environments.local_build.site import BuildSite


async def test_a_channel_is_missing(site: BuildSite, folder: Path) -> None:
    error = await failure(spec("first"), site, folder)
    assert str(error) == "conda packages need a channel: add `conda.channels`"


async def test_names_of_channels_and_their_mirrors(
    channel: CondaChannel, site: BuildSite, folder: Path
) -> None:
    """The lock has the original URLs, so that it can be used where there is no mirror."""
    channel.add("first")
    mirrored = dataclasses.replace(
        site,
        conda_channel_alias="https://conda.example.com",
        conda_mirrors={"https://conda.example.com/science": channel.url},
    )
    specification = EnvironmentSpec(
        name="x", conda=Conda(channels=["science"], packages=["science::first"])
    )
    lock = await conda_lock(specification, mirrored, folder)
    assert lock.splitlines()[1].startswith(
        "https://conda.example.com/science/noarch/first-1.0-0.conda#sha256:"
    )
    assert (await built(locked(lock), mirrored, folder)).conda_lock == lock


async def test_a_channel_with_a_login(
    channel: CondaChannel, site: BuildSite, folder: Path, tmp_path: Path
) -> None:
    channel.add("bad", files={}, paths=["../x"])  # refused after it was fetched
    channel.folder.rename(tmp_path / "private")
    with serving(Folder, tmp_path) as url:
        private = dataclasses.replace(site, conda_channels=[f"{url}/private"])
        error = await failure(spec("bad"), private, folder)
        assert "401 Unauthorized" in str(error)
        logged_in = dataclasses.replace(private, netrc=netrc(tmp_path))
        lock = await conda_lock(spec("bad"), logged_in, folder)
        assert "secret-of-alice" not in lock
        error = await failure(locked(lock), logged_in, folder)
        assert "bad-1.0-0.conda has a file outside of the environment" in str(error)


async def test_a_channel_behind_a_proxy_with_a_login(
    channel: CondaChannel, site: BuildSite, folder: Path
) -> None:
    channel.add("first")
    seen: list[tuple[str, str | None]] = []
    with serving(proxy(seen), channel.folder) as address:
        login = f"http://alice:secret-of-alice@{address.removeprefix('http://')}"
        behind = dataclasses.replace(site, conda_channels=["http://one.invalid"], http_proxy=login)
        lock = await conda_lock(spec("first"), behind, folder)
        assert "http://one.invalid/noarch/first-1.0-0.conda" in lock
        error = await failure(spec("missing"), behind, folder)
    assert {login for _, login in seen} == {LOGIN}
    assert "secret-of-alice" not in f"{lock}{error}"


async def test_a_channel_with_a_certificate_of_the_site(
    channel: CondaChannel, site: BuildSite, folder: Path, tmp_path: Path
) -> None:
    channel.add("first")
    authority = Authority.create()
    context, _ = server_context(authority, "127.0.0.1")
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text(authority.pem)
    with serving(Folder, channel.folder, context) as url:
        trusting = dataclasses.replace(site, conda_channels=[url], ca_file=str(ca_file))
        assert f"{url}/noarch/first-1.0-0.conda" in await conda_lock(
            spec("first"), trusting, folder
        )
        error = await failure(spec("first"), dataclasses.replace(trusting, ca_file=""), folder)
    assert "certificate" in str(error)


async def test_a_channel_that_does_not_respond(
    site: BuildSite, folder: Path, unused_tcp_port: int
) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    error = await failure(spec("x"), dataclasses.replace(site, conda_channels=[url]), folder)
    assert error.step is Step.LOCK
    assert "Connection refused" in str(error)
    assert url in str(error)
