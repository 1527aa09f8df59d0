"""Run by the tests with the Python of an environment with R: runs a cell, and prints its output."""

import sys

from jupyter_client.manager import start_new_kernel

CELL = """\
library(jsonlite)
x <- 41
mapped <- readLines("/proc/self/maps")
mapped <- unique(sub(".* ", "", mapped[grepl("/R/.*[.]so$", mapped)]))
cat(toJSON(list(
    answer = x + 1,
    home = normalizePath(R.home()),
    share = normalizePath(R.home("share")),
    libraries = normalizePath(.libPaths()),
    kernel = normalizePath(find.package("IRkernel")),
    child = system2(file.path(R.home("bin"), "R"), "RHOME", stdout = TRUE),
    mapped = mapped
)))
"""


def main() -> None:
    """Run the cell in the kernel `r`."""
    printed: list[str] = []

    def take(message: dict[str, dict[str, str]]) -> None:
        content = message["content"]
        printed.append(content.get("text", ""))
        sys.stderr.write("\n".join(content.get("traceback", ())))

    manager, client = start_new_kernel(kernel_name="r")
    try:
        client.execute_interactive(CELL, output_hook=take, timeout=60)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    sys.stdout.write("".join(printed) + "\n")


if __name__ == "__main__":
    main()
