"""The platform's pages as tests look at them, and applications to see there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from axe_playwright_python.async_playwright import Axe

from yarnhub.base.units import MiB, VCores
from yarnhub.spec import ApplicationSpec, Master, Resources, Service

if TYPE_CHECKING:
    from playwright.async_api import Page

PAGES = "/services/platform/"


def sleeping(name: str, *, master: int = 256) -> ApplicationSpec:
    """An application whose ApplicationMaster requests so many MiB."""
    small, large = (Resources(memory=MiB(each), vcores=VCores(1)) for each in (64, master))
    services = {"s": Service(resources=small, script="sleep 600")}
    return ApplicationSpec(name=name, services=services, master=Master(resources=large))


def alert(page: Page) -> list[str]:
    """What the browser complains of from now on, such as scripts that it does not run."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text))
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


async def assert_accessible(page: Page) -> None:
    """Look for what people with a screen reader, a keyboard or weak eyes cannot use."""
    size = page.viewport_size
    assert size is not None
    for scheme in ("dark", "light"):
        # Without transitions, in which colours are between two schemes.
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for width in (390, size["width"]):
            await page.set_viewport_size({"width": width, "height": size["height"]})
            violations = (await Axe().run(page)).response["violations"]
            found = [
                (each["id"], node["target"], node["failureSummary"])
                for each in violations
                for node in each["nodes"]
            ]
            assert found == [], (page.url, scheme, width)
