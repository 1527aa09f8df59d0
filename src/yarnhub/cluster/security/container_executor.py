"""Starts containers as the user who submitted them: a stand-in for Hadoop's container-executor.

The NodeManager's LinuxContainerExecutor runs this file as a program, as root. Hadoop's
container-executor is native and in no Maven artifact. This one is for test clusters on loopback
only: it trusts the NodeManager that calls it.

    --checksetup
    RUN_AS USER 0 APP CONTAINER TOKENS LOCAL_DIRS LOG_DIRS COMMAND...      localize
    RUN_AS USER 1 APP CONTAINER WORK_DIR SCRIPT TOKENS
           [--http | --https KEYSTORE TRUSTSTORE]
           PID_FILE LOCAL_DIRS LOG_DIRS RESOURCES [...]                    launch
    RUN_AS USER 2 PID SIGNAL                                               signal
    RUN_AS USER 3 PATH [BASE_DIR...]                                       delete
    RUN_AS USER 5 PATH                                                     list

Folders are joined by `%`. Standard library only: it runs with the system's own Python.

Hadoop before 3.3 does not pass a scheme.

Source: LinuxContainerExecutor.java, PrivilegedOperation.java, container-executor.c (Hadoop 3.4).
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import sys
from pathlib import Path

INVALID_ARGUMENTS = 1
INVALID_USER = 2
FIRST_USER_ID = 1000
"""`min.user.id` of Hadoop's program: lower IDs are system accounts."""
INVALID_CONTAINER_PID = 9
"""The exit code by which the NodeManager learns that the process does not exist."""
SIGNAL_BASE = 128
"""Added to a signal's number, as shells do."""


def main(arguments: list[str]) -> int:
    """Carry out one command; returns the exit code."""
    if arguments[:1] == ["--checksetup"]:
        return 0
    if len(arguments) < 3:
        print("container-executor: too few arguments", file=sys.stderr)  # noqa: T201
        return INVALID_ARGUMENTS
    account = pwd.getpwnam(arguments[0])
    if account.pw_uid < FIRST_USER_ID:
        print(f"container-executor: refusing to act as {account.pw_name}", file=sys.stderr)  # noqa: T201
        return INVALID_USER
    user, command, rest = arguments[1], arguments[2], arguments[3:]
    match command:
        case "0":
            return localize(account, user, rest)
        case "1":
            return launch(account, user, rest)
        case "2":
            return signal_group(account, int(rest[0]), int(rest[1]))
        case "3":
            return delete(account, rest)
        case "5":
            return list_folder(account, rest[0])
        case _:
            print(f"container-executor: unknown command {command}", file=sys.stderr)  # noqa: T201
            return INVALID_ARGUMENTS


def localize(account: pwd.struct_passwd, user: str, arguments: list[str]) -> int:
    """Make the application's folders and execute the localizer; returns only on failure."""
    application, container, tokens, local_dirs, log_dirs, *command = arguments
    make_folders(account, user, application, local_dirs.split("%"))
    make_log_folders(account, application, container, log_dirs.split("%"))
    work = application_folder(Path(local_dirs.split("%")[0]), user, application)
    copy_secret(Path(tokens), work / Path(tokens).name, account)
    become(account)
    os.chdir(work)
    os.execvp(command[0], command)  # noqa: S606  # no shell on purpose


def launch(account: pwd.struct_passwd, user: str, arguments: list[str]) -> int:
    """Run a container; returns its exit code, and writes it to a file next to the pid file.

    After a restart of the NodeManager, the new one reads that file.
    """
    application, container, work_dir, script, tokens, *rest = arguments
    scheme = rest.pop(0) if rest[0].startswith("--http") else ""
    stores = [rest.pop(0), rest.pop(0)] if scheme == "--https" else []
    pid_file, local_dirs, log_dirs = Path(rest[0]), rest[1].split("%"), rest[2].split("%")
    make_folders(account, user, application, local_dirs)
    make_log_folders(account, application, container, log_dirs)
    work = Path(work_dir)
    for folder in local_dirs:
        make_folder(application_folder(Path(folder), user, application) / container, account)
    copies = {script: "launch_container.sh", tokens: "container_tokens"}
    copies.update(zip(stores, ("yarn_provided.keystore", "yarn_provided.truststore"), strict=False))
    for source, name in copies.items():
        copy_secret(Path(source), work / name, account)

    child = os.fork()
    if child == 0:
        run_script(account, work, pid_file)
    _, status = os.waitpid(child, 0)
    code = SIGNAL_BASE + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    with contextlib.suppress(FileNotFoundError):  # the NodeManager has cleaned up already
        write_whole(pid_file.with_name(f"{pid_file.name}.exitcode"), f"{code}\n")
    return code


def run_script(account: pwd.struct_passwd, work: Path, pid_file: Path) -> None:
    """In the child: become the user in a new session, and execute the container's script."""
    try:
        os.setsid()
        write_whole(pid_file, f"{os.getpid()}\n")
        become(account)
        os.chdir(work)
        os.execv("/bin/bash", ["bash", "launch_container.sh"])  # noqa: S606
    finally:
        os._exit(127)  # only if one of the above failed


def signal_group(account: pwd.struct_passwd, pid: int, number: int) -> int:
    """Signal all processes of a container."""
    become(account)
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return INVALID_CONTAINER_PID
    return 0


def delete(account: pwd.struct_passwd, arguments: list[str]) -> int:
    """Delete a file or folder, or the same one below each base folder."""
    path, *bases = arguments
    become(account)
    for target in [Path(base, path) for base in bases] or [Path(path)]:
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target, ignore_errors=True)
        else:
            with contextlib.suppress(FileNotFoundError):
                target.unlink()
    return 0


def list_folder(account: pwd.struct_passwd, path: str) -> int:
    """Print the names in a folder."""
    become(account)
    for name in sorted(os.listdir(path)):  # noqa: PTH208  # only names are needed
        print(name)  # noqa: T201
    return 0


def application_folder(local_dir: Path, user: str, application: str) -> Path:
    """The folder of an application in one of the NodeManager's local folders."""
    return local_dir / "usercache" / user / "appcache" / application


def make_folders(
    account: pwd.struct_passwd, user: str, application: str, local_dirs: list[str]
) -> None:
    """Make the user's and the application's folders."""
    for folder in map(Path, local_dirs):
        cache = folder / "usercache" / user
        for path in (cache, cache / "filecache", cache / "appcache"):
            make_folder(path, account)
        make_folder(application_folder(folder, user, application), account)


def make_log_folders(
    account: pwd.struct_passwd, application: str, container: str, log_dirs: list[str]
) -> None:
    """Make the container's log folders."""
    for folder in map(Path, log_dirs):
        make_folder(folder / application, account)
        make_folder(folder / application / container, account)


def make_folder(path: Path, account: pwd.struct_passwd) -> None:
    """Make a folder for the user only; the NodeManager is root and can enter it."""
    path.mkdir(mode=0o750, exist_ok=True)
    os.chown(path, account.pw_uid, account.pw_gid)


def copy_secret(source: Path, target: Path, account: pwd.struct_passwd) -> None:
    """Copy a file so that only the user can ever read the copy."""
    target.unlink(missing_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as copy:  # noqa: PTH123  # from a descriptor
        copy.write(source.read_bytes())
        os.fchown(copy.fileno(), account.pw_uid, account.pw_gid)
        os.fchmod(copy.fileno(), 0o700 if target.suffix == ".sh" else 0o600)


def write_whole(path: Path, text: str) -> None:
    """Write a file atomically."""
    part = path.with_name(f"{path.name}.tmp")
    part.write_text(text, encoding="ascii")
    part.rename(path)


def become(account: pwd.struct_passwd) -> None:
    """Give up root permanently, unless the process runs as that user already."""
    if os.getuid() != account.pw_uid:
        os.initgroups(account.pw_name, account.pw_gid)
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    os.umask(0o027)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
