from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.client.application.container_folder import container_folder, skeins_pair

if TYPE_CHECKING:
    from pathlib import Path


def variables(*disks: Path) -> dict[str, str]:
    return {"CONTAINER_ID": "container_1", "LOCAL_DIRS": ",".join(map(str, disks))}


def test_the_folder_of_several_that_has_the_containers_files(tmp_path: Path) -> None:
    one, other = (tmp_path / name / "container_1" for name in ("one", "other"))
    for folder in one, other:
        folder.mkdir(parents=True)
    environment = variables(one.parent, other.parent)
    assert container_folder(environment) is None
    (other / "container_tokens").touch()
    assert container_folder(environment) == other
    assert container_folder({}) is None, "not in a container"


def test_a_pair_that_skein_put_there(tmp_path: Path) -> None:
    folder = tmp_path / "container_1"
    folder.mkdir()
    (folder / ".skein.crt").touch()
    assert skeins_pair(variables(tmp_path)) is None, "half of one"
    (folder / ".skein.pem").touch()
    assert skeins_pair(variables(tmp_path)) == (folder / ".skein.crt", folder / ".skein.pem")
