"""Somebody who uses JupyterHub and JupyterLab in a real browser: what the tests and the demo do.

Each method waits by itself until the page is so far, at most as long as the page's own limit.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playwright.async_api import async_playwright, expect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, Locator, Page, Response

expect.set_options(timeout=30_000)  # of a machine that does much else

SHOWN = ".lm-DockPanel-widget:not(.lm-mod-hidden)"
"""What JupyterLab shows of the tabs that are open."""
CHROMIUM = "/usr/bin/chromium"
START = 240_000
"""Milliseconds that a server may take to start, on a machine that does much else."""
CELL = 60_000
"""Milliseconds that a cell may take, its kernel's start included."""


@contextlib.asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, without a window."""
    # Its sandbox refuses to run as root; it visits nothing but this machine's own pages.
    flags = ["--no-sandbox", "--disable-dev-shm-usage"]
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        try:
            yield opened
        finally:
            await opened.close()


@dataclass
class Visitor:
    """A person with a page of a browser.

    Attributes:
        page: The page.
        url: The hub's address, without a slash at its end.
        name: The name to log in with.
    """

    page: Page
    url: str
    name: str

    def errors(self) -> list[str]:
        """What the servers fail at from now on: a list that grows."""
        found: list[str] = []

        def look(response: Response) -> None:
            if response.status >= 500:
                found.append(f"{response.status} {response.request.method} {response.url}")

        self.page.on("response", look)
        return found

    async def log_in(self, password: str) -> None:
        """Log in; ends on the hub's home page."""
        await self.page.goto(f"{self.url}/hub/login?next=%2Fhub%2Fhome")
        await self.page.get_by_label("Username").fill(self.name)
        await self.page.get_by_label("Password").fill(password)
        await self.page.get_by_role("button", name="Sign in").click()
        await expect(self.page.locator("#start")).to_be_visible()

    async def start(self, profile: str | None = None) -> None:
        """Ask for a server by the hub's home page, with a profile if the hub offers some."""
        await self.page.locator("#start").click(no_wait_after=True)
        if profile is not None:
            await self.page.get_by_label(profile, exact=True).check()
            button = self.page.locator("#spawn_form button[type=submit]")
            await button.click(no_wait_after=True)

    async def wait_for_lab(self) -> None:
        """Wait until the server has started and JupyterLab is open in the page."""
        await self.page.wait_for_url(f"{self.url}/user/{self.name}/**", timeout=START)
        await self._prepare_lab()

    async def open_lab(self, url: str) -> None:
        """Open a JupyterLab without a hub."""
        await self.page.goto(url)
        await self._prepare_lab()

    async def _prepare_lab(self) -> None:
        await expect(self.page.locator("#jp-main-dock-panel")).to_be_visible(timeout=CELL)
        # JupyterLab asks each new user about news; whoever does not answer has it in the way.
        news = self.page.get_by_role("button", name="No", exact=True)
        await self.page.add_locator_handler(news, _click)

    async def open_folder(self, name: str) -> None:
        """Open a folder in JupyterLab's list of files; what is made from then on is in it."""
        await self.open_file(name)
        await expect(self.page.locator(".jp-BreadCrumbs")).to_contain_text(name)

    async def open_file(self, name: str) -> None:
        """Open what is in JupyterLab's list of files."""
        listed = self.page.locator(".jp-DirListing-content")
        await listed.get_by_text(name, exact=True).dblclick()

    async def save_as(self, name: str) -> None:
        """Save the new notebook that is open, under a name."""
        await self.page.keyboard.press("Control+S")
        dialog = self.page.get_by_role("dialog")
        await dialog.get_by_role("textbox").fill(name)
        await dialog.get_by_role("button", name="Rename and Save").click()
        await expect(self.page.get_by_role("tab", name=name)).to_be_visible()
        await expect(self.page.locator(".jp-mod-dirty")).to_have_count(0)

    async def kernels(self) -> list[str]:
        """The kernels in JupyterLab's launcher, by the names that users see."""
        cards = self.page.locator(".jp-LauncherCard[data-category=Notebook]")
        await expect(cards.first).to_be_visible()
        # Without the letter that a kernel has instead of a logo.
        labels = cards.locator(".jp-LauncherCard-label")
        return [text.strip() for text in await labels.all_inner_texts()]

    async def open_notebook(self, kernel: str, start: float = CELL) -> None:
        """Open a new notebook with a kernel of the launcher, which may take some milliseconds."""
        cards = self.page.locator(f"{SHOWN} .jp-LauncherCard[data-category=Notebook]")
        await expect(cards.or_(self.page.locator(f"{SHOWN} .jp-Notebook")).first).to_be_visible()
        if not await cards.first.is_visible():
            await self.choose("File", "New Launcher")
        # JupyterLab looks for new kernelspecs each minute.
        await cards.get_by_text(kernel, exact=True).click(timeout=start)
        await self.wait_for_kernel(kernel, start)

    async def wait_for_kernel(self, kernel: str, start: float = CELL) -> None:
        """Wait until the kernel of the notebook that is shown runs and is idle."""
        await expect(self.page.get_by_text(f"{kernel} | Idle")).to_be_visible(timeout=start)

    async def choose(self, menu: str, entry: str) -> None:
        """Choose an entry of JupyterLab's menus."""
        await self.page.locator(".lm-MenuBar-item").get_by_text(menu, exact=True).click()
        await self.page.locator(".lm-Menu-item").get_by_text(entry).first.click()

    async def confirm(self) -> None:
        """Agree to what a dialog asks."""
        dialog = self.page.get_by_role("dialog")
        await dialog.locator(".jp-mod-accept").click()
        await expect(dialog).to_have_count(0)

    async def run_cell(self, code: str) -> str:
        """Run code in a new cell of the notebook, a new one at first; returns what it printed."""
        cell = await self.enter_cell(code)
        output = cell.locator(".jp-OutputArea-output")
        await expect(output).to_be_visible(timeout=CELL)
        # What it prints may come in parts; until it has ended, its number is a star.
        await expect(cell.locator(".jp-InputPrompt").first).not_to_contain_text("*", timeout=CELL)
        return (await output.inner_text()).strip()

    async def run_spark(self, code: str, result: str) -> str:
        """Run code that starts Spark until its result is shown; returns all that the cell shows."""
        cell = await self.enter_cell(code)
        await expect(cell).to_contain_text(result, timeout=START)
        return "\n".join(await cell.locator(".jp-OutputArea-output").all_inner_texts()).strip()

    async def enter_cell(self, code: str) -> Locator:
        """The same without waiting for what it prints; returns the cell."""
        launcher = self.page.locator(f"{SHOWN} .jp-LauncherCard[data-category=Notebook]").first
        notebook = self.page.locator(f"{SHOWN} .jp-Notebook")
        await expect(launcher.or_(notebook)).to_be_visible()
        if await launcher.is_visible():
            await launcher.click()
        # Until then JupyterLab moves the focus about.
        await expect(self.page.get_by_text("| Idle")).to_be_visible(timeout=CELL)
        cells = notebook.locator(".jp-CodeCell")
        cell = cells.nth(await cells.count() - 1)
        editor = cell.locator(".cm-content")
        await editor.click()
        await expect(editor).to_be_focused()
        await self.page.keyboard.insert_text(code)
        await expect(editor).to_contain_text(code.splitlines()[0])
        await self.page.keyboard.press("Shift+Enter")
        return cell

    async def wait_for_end(self) -> None:
        """Wait on the hub's home page until the server has ended by itself."""
        async with asyncio.timeout(CELL / 1000):
            await self.page.goto(f"{self.url}/hub/home")
            while await self.page.locator("#stop").is_visible():
                await self.page.wait_for_timeout(500)
                await self.page.reload()

    async def applications(self) -> list[str]:
        """The user's applications on the platform's page: states, names, and reasons."""
        await self.page.goto(f"{self.url}/services/platform/")
        await self.page.get_by_role("link", name="My applications").click()
        rows = self.page.locator("#list tbody tr")
        await expect(rows.first).to_be_visible()
        found = []
        for row in await rows.all():
            state, name = row.locator("td").first, row.locator("th a")
            line = f"{await state.inner_text():<9} {await name.inner_text()}"
            reason = await row.locator("td.reason").inner_text()
            found.append(f"{line}: {reason}" if reason else line)
        return found

    async def stop(self) -> None:
        """Stop the server by the button of the hub's home page."""
        await self.page.goto(f"{self.url}/hub/home")
        await self.page.locator("#stop").click()
        await expect(self.page.locator("#stop")).to_be_hidden(timeout=CELL)


async def _click(button: Locator) -> None:
    await button.click()
