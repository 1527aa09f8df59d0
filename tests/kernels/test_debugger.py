"""JupyterLab's debugger, over the relay: what it sends, in its order."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from kernels.contract import kernel_request, running
from kernels.joined import joined

if TYPE_CHECKING:
    from kernels.processes import ProcessKernelHolder

CELL = "total = 0\nfor number in range(3):\n    total += number\nprint(total)\n"


class Debugger:
    """The debugger's side of a client."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.number = 0

    async def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """The body of the kernel's answer to a request of the Debug Adapter Protocol."""
        self.number += 1
        content = {
            "type": "request", "seq": self.number, "command": command, "arguments": arguments,
        }  # fmt: skip
        message = self.client.session.msg("debug_request", content)
        self.client.control_channel.send(message)
        while True:
            reply = await self.client.get_control_msg(timeout=60)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                break
        assert reply["msg_type"] == "debug_reply"
        assert reply["content"]["success"], reply["content"]
        return dict(reply["content"].get("body") or {})

    async def event(self, name: str) -> dict[str, Any]:
        """The body of the next event of a kind."""
        while True:
            message = await self.client.get_iopub_msg(timeout=60)
            if message["msg_type"] == "debug_event" and message["content"]["event"] == name:
                return dict(message["content"].get("body") or {})


async def test_stop_at_a_breakpoint_look_at_a_variable_and_continue(
    holder: ProcessKernelHolder,
) -> None:
    kernel = await holder.start(kernel_request(sys.executable))
    await running(kernel)
    async with joined(kernel) as client:
        debugger = Debugger(client.client)
        assert not (await debugger.ask("debugInfo"))["isStarted"]
        await debugger.ask(
            "initialize", clientID="jupyterlab", adapterID="", pathFormat="path",
            linesStartAt1=True, columnsStartAt1=True, supportsVariableType=True,
        )  # fmt: skip
        await debugger.ask("attach")
        source = {"path": (await debugger.ask("dumpCell", code=CELL))["sourcePath"]}
        found = await debugger.ask("setBreakpoints", source=source, breakpoints=[{"line": 3}])
        assert [each["verified"] for each in found["breakpoints"]] == [True]
        await debugger.ask("configurationDone")
        request = client.client.execute(CELL)
        for total, number in ((0, 0), (0, 1), (1, 2)):
            thread = (await debugger.event("stopped"))["threadId"]
            frames = (await debugger.ask("stackTrace", threadId=thread))["stackFrames"]
            assert (frames[0]["source"]["path"], frames[0]["line"]) == (source["path"], 3)
            variables = await debugger.ask("inspectVariables")
            values = {each["name"]: each["value"] for each in variables["variables"]}
            assert (values["total"], values["number"]) == (str(total), str(number))
            await debugger.ask("continue", threadId=thread)
        assert await client.printed(request) == "3\n"
        await debugger.ask("disconnect", restart=False, terminateDebuggee=False)
    await kernel.stop(now=True)
