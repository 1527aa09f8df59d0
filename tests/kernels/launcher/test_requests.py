"""What the kernel's process asks its holder for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernels.launcher.container import launch, silent_kernel
from yarnhub.control import json
from yarnhub.kernels.protocol import MAX_REQUESTS, Answer

if TYPE_CHECKING:
    from kernels.launcher.container import Container
    from kernels.launcher.end import End

ASK = """
import time
def connect():
    while True:
        asking = socket.socket(socket.AF_UNIX)
        try:
            asking.connect(os.environ["YARNHUB_REQUESTS"])
            return asking
        except (FileNotFoundError, ConnectionRefusedError):  # it is there before it listens
            asking.close()
            time.sleep(0.01)
def ask(asking, line):
    asking.sendall(line)
    return asking.makefile("rb").read().decode("latin-1")
def tell(name, found):
    with open("/proc/%d/cwd/%s.new" % (os.getppid(), name), "w") as file:
        json.dump(found, file)
    os.rename(file.name, file.name[:-4])
os.chdir("/")
"""
ONE = ASK + "tell('found', ask(connect(), b'{}\\n'))"


async def test_a_request_is_passed_to_the_holder_and_its_answer_back(
    container: Container, end: End
) -> None:
    end.answer = b'{"size":100000}\n' + b"\xff" * 100_000
    await container.start(launch(silent_kernel(ONE)))
    await container.until_exists("found")
    assert container.json("found") == end.answer.decode("latin-1")
    assert end.requests == [b"{}\n"]


async def test_without_its_holder_a_request_fails_in_words(container: Container, end: End) -> None:
    await end.stop()
    await container.start(launch(silent_kernel(ONE)))
    await container.until_exists("found")
    assert "the process that holds this kernel cannot be reached" in container.json("found")


async def test_only_so_many_requests_at_once(container: Container, end: End) -> None:
    code = f"""
asking = [connect() for _ in range({MAX_REQUESTS})]
refused = ask(connect(), b"{{}}\\n")
tell("found", [refused, *(ask(each, b"{{}}\\n") for each in asking)])
"""
    end.answer = b"x\n"
    await container.start(launch(silent_kernel(ASK + code)))
    await container.until_exists("found")
    refused, *others = container.json("found")
    answer = json.load(Answer, refused.encode())
    assert answer.error == f"more than {MAX_REQUESTS} requests at once"
    assert others == ["x\n"] * MAX_REQUESTS


async def test_only_the_containers_user_reaches_the_socket(container: Container, end: End) -> None:
    await container.start(launch(silent_kernel()))
    await end.running()
    await container.until_exists(".kernel/requests")
    assert (container.folder / ".kernel").stat().st_mode & 0o777 == 0o700
