"""A site's configuration on its way to a container."""

from __future__ import annotations

from pathlib import Path

import pytest

from yarnhub.base.errors import ConfigurationError
from yarnhub.environments.cluster_build.site_transfer import MAX_SECRET, packed_site, unpacked_site
from yarnhub.environments.local_build.site import BuildSite


@pytest.fixture
def container(tmp_path: Path) -> Path:
    folder = tmp_path / "container"
    (folder / "own").mkdir(parents=True)
    return folder


def file(path: Path, content: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    path.chmod(0o600)
    return str(path)


def test_a_site_with_all_of_its_files(tmp_path: Path, container: Path) -> None:
    site = BuildSite(
        index_url="https://packages.example.com/simple",
        find_links=["/shared/wheels"],
        https_proxy="http://alice:secret@proxy:3128",
        ca_file=file(tmp_path / "ca.pem", "CA"),
        netrc=file(tmp_path / ".netrc", "machine x password y"),
        uv_settings=file(tmp_path / "uv.toml", "offline = true"),
        cache="/home/alice/.cache",
    )
    packed = packed_site(site)
    for name, path in packed.files.items():
        (container / name).write_bytes(path.read_bytes())
    found = unpacked_site(packed.secrets, container, container / "own")
    found.check_files()
    assert Path(found.ca_file).read_text() == "CA"
    assert Path(found.netrc).read_text() == "machine x password y"
    assert Path(found.uv_settings).read_text() == "offline = true"
    assert found.https_proxy == site.https_proxy
    assert (found.index_url, found.find_links) == (site.index_url, site.find_links)
    assert Path(found.cache).is_relative_to(container)


def test_credentials_are_in_secrets_only(tmp_path: Path) -> None:
    site = BuildSite(
        https_proxy="http://alice:hunter2@proxy:3128",
        netrc=file(tmp_path / ".netrc", "machine x password hunter2"),
        uv_settings=file(tmp_path / "uv.toml", 'index-url = "https://alice:hunter2@x"'),
    )
    packed = packed_site(site)
    assert packed.files == {}
    assert "hunter2" not in repr(packed)
    assert sum(b"hunter2" in each for each in packed.secrets.values()) == 3


def test_merged_settings_of_uv(tmp_path: Path, container: Path) -> None:
    folders = [str(tmp_path / name) for name in ("user", "none", "machine")]
    file(tmp_path / "user" / "uv" / "uv.toml", "offline = true")
    file(tmp_path / "machine" / "uv" / "uv.toml", "offline = false")
    packed = packed_site(BuildSite(uv_settings_folders=folders))
    found = unpacked_site(packed.secrets, container, container / "own")
    texts = []
    for each in found.uv_settings_folders:
        path = Path(each, "uv", "uv.toml")
        texts.append(path.read_text() if path.exists() else None)
    assert texts == ["offline = true", None, "offline = false"]


def test_an_empty_site(container: Path) -> None:
    packed = packed_site(BuildSite())
    found = unpacked_site(packed.secrets, container, container / "own")
    assert (found.ca_file, found.netrc, found.uv_settings) == ("", "", "")
    assert list(found.uv_settings_folders) == []


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    large = file(tmp_path / "uv.toml", "#" * (MAX_SECRET + 1))
    with pytest.raises(ConfigurationError, match=r"uv.toml cannot be read: it has more than"):
        packed_site(BuildSite(uv_settings=large))


def test_a_netrc_that_others_can_read(tmp_path: Path) -> None:
    netrc = Path(file(tmp_path / ".netrc", ""))
    netrc.chmod(0o644)
    with pytest.raises(ConfigurationError, match="600"):
        packed_site(BuildSite(netrc=str(netrc)))


@pytest.mark.parametrize("secrets", [{}, {"build-site": b"no JSON"}, {"build-site": b'"text"'}])
def test_a_container_without_a_configuration(secrets: dict[str, bytes], container: Path) -> None:
    with pytest.raises(ConfigurationError):
        unpacked_site(secrets, container, container / "own")
