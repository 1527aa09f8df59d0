from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import ConfigurationError, SpecError
from yarnhub.environments.local_build.site import BuildSite, site_of_variables

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("key", ["index_url", "python_list", "extra_index_urls", "find_links"])
def test_credentials_in_a_url_are_refused_without_repeating_them(key: str) -> None:
    url = "https://user:secret@host/simple"
    with pytest.raises(SpecError, match="`netrc`") as caught:
        BuildSite.from_dict({key: [url] if key.endswith("s") else url})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("key", ["https_proxy", "http_proxy", "extra_index_urls", "find_links"])
def test_what_may_have_a_password_is_not_repeated(key: str) -> None:
    with pytest.raises(SpecError, match="must be ") as caught:
        BuildSite.from_dict({key: "ftp://user:secret@host"})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "proxy", ["proxy.site:3128", "http://proxy:3128/", "alice:s%40:x@proxy:1", "socks5h://[::1]:1"]
)
def test_proxies_as_curl_and_uv_have_them(proxy: str, tmp_path: Path) -> None:
    site = BuildSite(https_proxy=proxy)
    assert site.variables(tmp_path, tmp_path)["HTTPS_PROXY"] == proxy
    assert proxy not in repr(site)


def test_nothing_of_the_own_environment_is_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "x")
    monkeypatch.setenv("UV_INDEX_URL", "http://elsewhere")
    found = BuildSite(ca_file="/ca.pem").variables(tmp_path, tmp_path / "cache")
    assert not {"SECRET", "UV_INDEX_URL"} & found.keys()
    assert found["SSL_CERT_FILE"] == "/ca.pem"
    assert found["HOME"] == str(tmp_path)


def test_the_usual_variables() -> None:
    found = site_of_variables({"SSL_CERT_FILE": "/ca.pem", "https_proxy": "http://proxy:1"})
    assert BuildSite.from_dict(found) == BuildSite(ca_file="/ca.pem", https_proxy="http://proxy:1")


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_credentials_that_others_can_read_are_refused(tmp_path: Path, mode: int) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine host login me password secret\n")
    netrc.chmod(mode)
    with pytest.raises(ConfigurationError, match="with the permissions 600"):
        BuildSite(netrc=str(netrc)).check_files()
    netrc.chmod(0o600)
    BuildSite(netrc=str(netrc)).check_files()


def test_a_file_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"ca_file: \S+ does not exist"):
        BuildSite(ca_file=str(tmp_path / "ca.pem")).check_files()


def test_wheels_in_folders_only_need_a_folder() -> None:
    with pytest.raises(SpecError, match="is required with `no_index`"):
        BuildSite(no_index=True)
