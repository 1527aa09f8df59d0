"""Each page does, from its first example to its last, what it says."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from docs.blocks import PAGES, PROJECT, blocks

if TYPE_CHECKING:
    from pathlib import Path

    from docs.session import Session

pytestmark = pytest.mark.cluster

NOTEBOOK = PROJECT / "docs" / "tutorial" / "notebook.md"
"""Its environment is one that other tests pack and unpack, which takes half a minute."""
RUN = [
    page
    for page in PAGES
    if page != NOTEBOOK
    and any(block.runs and not block.file and block.language != "yaml" for block in blocks(page))
]


@pytest.mark.parametrize("page", RUN, ids=lambda page: str(page.relative_to(PROJECT)))
def test_a_page_runs(page: Path, reader: Session) -> None:
    reader.run(page)


def test_the_notebook_page_runs(reader: Session, demo_folder: Path) -> None:
    activate = f"source {demo_folder}/environment/bin/activate".encode()
    with tarfile.open(reader.folder / "environment.tar.gz", "w:gz") as archive:
        entry = tarfile.TarInfo("bin/activate")
        entry.size = len(activate)
        archive.addfile(entry, io.BytesIO(activate))
    reader.run(NOTEBOOK)
