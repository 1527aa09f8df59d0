"""What users read about Spark in their notebooks."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

NO_JAVA = (
    "Spark needs Java, and this container has none: JAVA_HOME is not set. The kernelspec can name "
    "a Java that all nodes have (java_home)."
)
NO_SETTINGS = "This kernel is not set up for Spark: YARNHUB_SPARK is not set."
NO_ANSWER = "it has closed the connection without an answer. Try again in a moment"
PYTHON_KEPT = (
    "Variables of Python are unchanged; DataFrames of that session cannot be used. The next use of "
    "`spark` starts a new session."
)
"""What a session leaves in a kernel for Python."""
WITH_SCALA = (
    "Variables of Python are unchanged; DataFrames of that session cannot be used, and variables "
    "of Scala are lost. The next use of `spark`, or the next Scala cell, starts a new session."
)
"""The same, if Scala cells were run."""
SCALA_LOST = (
    "Its variables and definitions are lost. The next cell starts a new session. Settings, such as "
    "spark.driver.memory, are those of the kernelspec."
)
"""What a session leaves in a kernel for Scala."""
SCALA_DIED = "Spark's driver, which runs Scala, has ended."
SCALA_INCOMPLETE = (
    "The code is incomplete: a bracket, a quote or an expression is missing at its end."
)
SCALA_LINE = "%%scala has no options: write the code below it."
SCALA_OFF = (
    "This session was started by Python, and cannot run Scala: sessions that can are slower. Stop "
    "it with spark.stop(), and start the next one with a %%scala cell, or with "
    'SparkSession.builder.config("spark.yarnhub.scala", "true").getOrCreate().'
)
SCALA_STOPPED = (
    "The session has ended, and with it the variables and definitions of Scala. The next Scala "
    "cell starts a new session."
)
SCALA_STUCK = (
    "The code still runs in Spark's driver: it does not wait for anything, and the Java of this "
    "container can only interrupt code that waits. Other cells can be run. To end the code, stop "
    "the session with `spark.stop()`, or restart the kernel."
)
INTERRUPTED = "Interrupted."
CONNECT_FAILED = "The Spark Connect server could not be started: see the log of its container."
CONNECT_IDLE = "The Spark Connect server has ended because it was not used."
CONNECT_STOPPED = "The session of the Spark Connect server was stopped."
OPEN_CONNECT = "it does not ask clients for a token."
_MORE_BY_BUILDER = (
    'give it more: spark.stop(), then SparkSession.builder.config("spark.driver.memory", ...)'
    ".getOrCreate()"
)
_MORE_BY_KERNELSPEC = "use a kernelspec with more spark.driver.memory"


def invalid_settings(problem: str) -> str:
    """Why the settings in the environment cannot be used."""
    return f"The kernel's settings for Spark (YARNHUB_SPARK) are invalid: {problem}."


def fixed(name: str, value: str, wanted: str) -> str:
    """Why a property is refused that the kernel sets."""
    shown = f"is {value!r}" if value else "is set by the kernel"
    return (
        f"{name} {shown} in this kernel and cannot be {wanted!r}. Remove it from the session's "
        "builder."
    )


def packages(name: str) -> str:
    """Why a property is refused that only spark-submit can serve."""
    return (
        f"{name}: this kernel does not download packages from Maven. Copy the jars to this "
        "container or its environment, and name them in spark.jars."
    )


def unsafe_variable(name: str) -> str:
    """Why an environment variable for executors is refused."""
    return (
        f"{name} has a quote, a backslash or a line break: YARN cannot pass such a value to "
        "executors."
    )


def not_memory(name: str, value: str) -> str:
    """Why a size is refused."""
    return f"{name} is {value!r}: use a number with a unit, such as 2g or 512m."


def too_much_memory(wanted: int, container: int, most: int) -> str:
    """Why a size of the driver's memory is refused, in MiB."""
    less = f"Use at most {most}m, or start" if most > 0 else "Start"
    return (
        f"spark.driver.memory of {wanted} MiB does not fit into this kernel's container of "
        f"{container} MiB, which Python and Java need a part of. {less} a kernel with more memory."
    )


def not_number(name: str, value: str) -> str:
    """Why a number is refused."""
    return f"{name} is {value!r}, which is not a number."


def unknown_room(problem: str) -> str:
    """Why no session starts whose user may have limits."""
    return f"The limits for executors are not known: {problem}"


def no_room(memory: int | None, vcores: int | None, needed: int, cores: int) -> str:
    """Why a session without any executor is refused.

    Args:
        memory: MiB that the limits leave; None for no limit.
        vcores: Virtual cores; the same.
        needed: MiB of an executor.
        cores: Its virtual cores.
    """
    left = [f"{memory} MiB of memory"] if memory is not None else []
    left += [_count(vcores, "vcore")] if vcores is not None else []
    return (
        f"Your limits leave {' and '.join(left)} for Spark's executors, and one needs {needed} MiB "
        f"and {_count(cores, 'vcore')}. Shut down a kernel or stop a Spark session that you no "
        "longer need and try again after ten seconds, or make executors smaller "
        "(spark.executor.memory, spark.executor.cores)."
    )


def fewer_executors(name: str, wanted: int, most: int) -> str:
    """A session gets fewer executors than its builder asks for."""
    return f"{name} is {most} instead of {wanted}: your limits leave no room for more executors."


def missing_file(path: str) -> str:
    """A file of the kernelspec is not in the container."""
    return (
        f"{path} is not in this container, so Spark cannot start. Start the kernel again; if that "
        "does not help, ask the administrators to publish Spark again."
    )


def dropped_variables(names: Sequence[str]) -> str:
    """Environment variables that the driver does not get."""
    return (
        f"{', '.join(names)}: not passed to Spark, because YARN cannot pass a value with quotes, "
        "backslashes or line breaks to executors."
    )


def wrong_version(found: str, expected: str, place: str) -> str:
    """The imported pyspark is not the kernel's."""
    return (
        f"The imported pyspark is version {found} ({place}), and this kernel runs Spark {expected}."
        f" Uninstall pyspark from the environment, or use a kernel with Spark {found}."
    )


def other_version(found: str, expected: str, place: str) -> str:
    """The environment's pyspark is not the one of the server."""
    return (
        f"This server has Spark {expected} on YARN. The imported pyspark {found} ({place}) does "
        "not use it: uninstall pyspark from this kernel's environment to do so."
    )


def starting(version: str, *, slower: bool) -> str:
    """What is shown while a session starts."""
    why = " (slower than usual: no class data for this Java is published)" if slower else ""
    return f"Starting Spark {version}{why} ..."


def ready(version: str, application: str) -> str:
    """What is shown when a session has started."""
    return f"Spark {version}: {application}"


def ended(code: int, *, memory: str, by_builder: bool, log: str, last: str) -> str:
    """Why the driver's JVM has ended.

    Args:
        code: Its exit code; negative for a signal.
        memory: Its `spark.driver.memory`.
        by_builder: Whether a session's builder can set that.
        log: The end of its log.
        last: The last lines that are shown.
    """
    if "java.lang.OutOfMemoryError" in log:
        more = _MORE_BY_BUILDER if by_builder else _MORE_BY_KERNELSPEC
        reason = f"(spark.driver.memory={memory}) ran out of memory. Collect less data, or {more}"
    elif code < 0:
        reason = f"was ended by {_signal(-code)}"
        if -code == signal.SIGKILL:
            reason += ", for example because the container or its node ran out of memory"
    else:
        reason = f"ended with exit code {code}"
    text = f"Spark's driver {reason}."
    if last:
        text += f"\nThe last lines of its log:\n{last}"
    return text


def starts_again(text: str, left: str) -> str:
    """The same, with what the session leaves."""
    return f"{text}\n{left}"


def scala_start_failed(text: str) -> str:
    """Why there is no interpreter."""
    return (
        f"Scala cannot start in this session: {text.strip()}\nStop the session with `spark.stop()`"
        ", or restart the kernel."
    )


def output_cut(characters: int) -> str:
    """A cell has printed too much."""
    return f"\nOnly the first {characters} characters of this cell's output are shown.\n"


def start_failed(text: str) -> str:
    """Why the JVM could not be started."""
    return f"Spark cannot start. {text}"


def slow_start(seconds: float) -> str:
    """The JVM has not opened its port."""
    return f"Spark's driver has not started within {seconds:.0f} s."


def no_launcher(path: str) -> str:
    """A session cannot start, and there is no launcher that could get tokens."""
    return (
        f"Spark cannot start without the kernel's launcher, which gets tokens for the cluster: "
        f"there is no socket {path}. Restart the kernel."
    )


def no_connect(version: str, problem: str) -> str:
    """Spark Connect could not be started in the driver's JVM."""
    return (
        f"Spark {version} has no Spark Connect server that can be used here, or it does not start: "
        f"{problem}"
    )


def no_port(ports: str, address: str, problem: str) -> str:
    """The node has no free port for a Spark Connect server."""
    which = "port" if ports.startswith("0-") else f"port of {ports}"
    return f"No {which} is free on this node at {address}: {problem}"


def service_failed(ask: str, problem: str) -> str:
    """A request to the kernel's launcher failed."""
    return f"The kernel's launcher could not answer {ask!r}: {problem}"


def progress(
    *,
    jobs: int,
    done: int,
    running: int,
    tasks: int,
    executors: int | None,
) -> str:
    """The progress of the jobs of a cell that runs.

    Args:
        jobs: Active jobs.
        done: Completed tasks of their active stages.
        running: Tasks that run now.
        tasks: All tasks of their active stages.
        executors: Executors of the session; None if unknown.
    """
    parts = [
        f"Spark: {_count(jobs, 'job')}",
        f"{done} of {_count(tasks, 'task')} done",
        f"{running} running",
    ]
    if executors is not None:
        parts.append(_count(executors, "executor"))
    return ", ".join(parts)


def finished(jobs: int, failed: int, seconds: float) -> str:
    """What remains of a cell's progress."""
    text = f"Spark: {_count(jobs, 'job')} in {seconds:.1f} s"
    return f"{text}, {failed} failed or canceled" if failed else text


def waiting(explanation: str) -> str:
    """Why no task runs."""
    return f"waiting for executors: {explanation}" if explanation else "waiting for executors"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _signal(number: int) -> str:
    known = {each.value: each.name for each in signal.Signals}
    return known.get(number, f"signal {number}")
