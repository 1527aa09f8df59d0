"""Spark's sessions in a kernel: PySpark's own, each with a JVM that the kernel starts."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import words
from .interrupts import contain_interrupts, interrupts_kept
from .java import JavaError, check_build, flags, java_build
from .jvm import Jvm, JvmError, JvmStart
from .place import PYTHON, find_place, log_file
from .properties import (
    MEMORY,
    ExecutorSize,
    executor_size,
    java_arguments,
    session_properties,
)
from .room import Room, fit
from .service import GENERATION, Service, ServiceError
from .settings import SettingsError, SparkSettings, jvm_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# PySpark is imported when it is first used, and its objects have no types that hold here.
Context = Any
Session = Any
Gateway = Any

_DEATH_SECONDS = 1.0
"""Between the moments at which a killed process closes its connections and has ended."""
_ARCHIVES = "PYSPARK_ARCHIVES_PATH"
"""Where Spark finds PySpark for executors, so that it does not upload it."""


class SparkError(RuntimeError):
    """Spark cannot be used; the message says why and what to do."""


class Listener:
    """What happens to sessions; does nothing."""

    def starting(self, text: str) -> None:
        """A JVM is about to be started."""

    def started(self, context: Context) -> None:
        """A session can be used."""

    def stopped(self) -> None:
        """The session and its JVM have ended, also if it never started completely."""

    def warn(self, text: str) -> None:
        """The user should read this."""


class Sessions:
    """The sessions of a kernel, one after the other: a JVM serves only one.

    Args:
        settings: The kernel's settings.
        environment: Its environment variables.
        folder: The container's folder.
        service: The launcher.

    Attributes:
        settings: The same.
        listener: Gets what happens.
        tokens: The token file that the current session was started with; empty without security.
        executors: What the current session asks YARN for, for each executor.
        left: What remains of a session whose JVM has ended, in words.
    """

    def __init__(
        self,
        settings: SparkSettings,
        environment: Mapping[str, str],
        folder: Path,
        service: Service,
    ) -> None:
        self.settings = settings
        self.listener = Listener()
        self.tokens = b""
        self.executors = ExecutorSize()
        self.left = words.PYTHON_KEPT
        self._environment = environment
        self._folder = folder
        self._service = service
        self._jvm: Jvm | None = None
        self._died: Jvm | None = None
        """A JVM that ended by itself, until that is reported."""
        self._complete = False
        """Whether the session has started, so that it ends its application itself."""
        self._cleaning: threading.Thread | None = None
        self._left = False
        """Whether an application may still run that the service was not able to end."""
        self._process = os.getpid()
        self._python = ""
        """What was last set as `PYSPARK_PYTHON`."""
        self._local = threading.local()
        self._launch: Callable[..., Gateway] | None = None

    @property
    def context(self) -> Context | None:
        """The context of the current session; None without one, and when its JVM has ended."""
        if self._launch is None or self._jvm is None or self._jvm.ended.is_set():
            return None
        from pyspark import SparkContext

        context = SparkContext._active_spark_context  # noqa: SLF001  # PySpark's own test
        return context if getattr(context, "_jsc", None) is not None else None

    def create(self, properties: Mapping[str, str] = {}) -> Session:
        """The current session, or a new one.

        Args:
            properties: What the session's builder has.

        Raises:
            SparkError: It cannot be started.
        """
        try:
            self._check_files()
        except SettingsError as error:
            raise SparkError(str(error)) from None
        from pyspark.sql import SparkSession

        self.install()
        return SparkSession.builder.config(map=dict(properties)).getOrCreate()

    def install(self) -> None:
        """Have PySpark start its JVMs here; called when it has been imported."""
        if self._launch is not None:
            return
        import pyspark.java_gateway as gateways
        from pyspark import SparkContext
        from pyspark.sql import SparkSession

        contexts: Any = sys.modules[SparkContext.__module__]  # its place depends on the version
        self._launch = gateways.launch_gateway
        contexts.launch_gateway = gateways.launch_gateway = self._launch_gateway
        SparkContext.__init__ = self._initializing(SparkContext.__init__)
        SparkContext.stop = self._stopping_context(SparkContext.stop)
        SparkContext.uiWebUrl = property(self._ui_address(SparkContext.uiWebUrl.fget))
        SparkSession.stop = self._stopping_session(SparkSession.stop)
        contain_interrupts()

    def report_death(
        self, said: Callable[[str], str] | None = None, *, after: BaseException | None = None
    ) -> str:
        """Why the JVM has ended by itself, once; empty if it has not. Forgets its session.

        Args:
            said: What makes words of the reason.
            after: An error. If it is that of a connection to the JVM, its end is waited for: a
                process that is killed closes its connections before it has ended.
        """
        if self._jvm is not None and _is_disconnection(after):
            self._jvm.ended.wait(_DEATH_SECONDS)
        died, self._died = self._died, None
        if died is None:
            return ""
        if self._jvm is died:
            self._forget()
        reason = died.reason()
        return said(reason) if said is not None else words.starts_again(reason, self.left)

    def forget_dead(self) -> None:
        """Have the next use of Spark start a new session if the JVM has ended by itself."""
        if self._jvm is not None and self._jvm.ended.is_set():
            self._forget()

    def end_earlier(self) -> None:
        """End what a process before this one has left on YARN; does not wait.

        A launcher knows whether there was one, a user's own server does not. A process that the
        kernel's has forked ends nothing.
        """
        if self._environment.get(GENERATION) != "1" and os.getpid() == self._process:
            self._end_application()

    def close(self) -> None:
        """End the JVM, with its application; called when Python ends.

        A process that the kernel's has forked ends nothing.
        """
        if os.getpid() != self._process:
            return
        jvm, self._jvm = self._jvm, None
        if jvm is not None:
            jvm.end()

    # --- what replaces functions of PySpark

    def _launch_gateway(self, conf: Any = None, popen_kwargs: Any = None) -> Gateway:
        """Replaces `pyspark.java_gateway.launch_gateway`; PySpark holds its lock."""
        assert self._launch is not None
        self.forget_dead()
        if text := self.report_death():
            self.listener.warn(text)
        if self._jvm is not None:  # from a start that was interrupted
            self._end()
        self._clean()
        self._complete = False
        own = dict(conf.getAll()) if conf is not None else {}
        jvm, properties = self._start_jvm(own)
        self._jvm = jvm
        try:
            for name, value in own.items():  # PySpark sets them again
                if properties.get(name, value) != value:
                    conf.set(name, properties[name])
            with _environment(
                PYSPARK_GATEWAY_PORT=str(jvm.port), PYSPARK_GATEWAY_SECRET=jvm.secret
            ):
                gateway = self._launch(conf, popen_kwargs)
        except BaseException as error:
            if text := self.report_death(words.start_failed, after=error):
                raise SparkError(text) from error
            self._jvm = None
            jvm.end()
            raise
        return gateway

    def _initializing(self, original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def initialize(context: Context, *args: Any, **kwargs: Any) -> None:
            master = args[0] if args else kwargs.get("master")
            expected = self.settings.settings.get("spark.master", "yarn")
            if master not in (None, expected):
                raise SparkError(words.fixed("spark.master", expected, str(master)))
            try:
                with interrupts_kept():
                    original(context, *args, **kwargs)
                self._complete = True
            except BaseException as error:
                if text := self.report_death(words.start_failed, after=error):
                    raise SparkError(text) from error
                if _is_current(context):
                    self._end()
                if isinstance(error, Exception) and not isinstance(error, SparkError):
                    self._check_launcher(error)
                raise
            self.listener.started(context)

        return initialize

    def _stopping_context(self, original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def stop(context: Context) -> None:
            if not _is_current(context):
                context._jsc = None  # noqa: SLF001  # stopped before, or with its JVM
                return
            try:
                if self._jvm is None or self._jvm.ended.is_set():
                    context._jsc = None  # noqa: SLF001
                original(context)
            finally:
                if not getattr(self._local, "stops_session", False):
                    self._end()

        return stop

    def _stopping_session(self, original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def stop(session: Session) -> None:
            if not _is_current(session._sc):  # noqa: SLF001
                return
            # The session calls the JVM after its context has stopped.
            self._local.stops_session = True
            try:
                if self.context is not None:
                    original(session)
            finally:
                self._local.stops_session = False
                self._end()

        return stop

    def _ui_address(self, original: Callable[[Context], str | None]) -> Callable[..., str | None]:
        @functools.wraps(original)
        def address(context: Context) -> str | None:
            return proxy_address(context) or original(context)

        return address

    # --- the JVM

    def _start_jvm(self, own: Mapping[str, str]) -> tuple[Jvm, Mapping[str, str]]:
        """The JVM of a new session, and the session's properties."""
        try:
            self._check_pyspark()
            java_home = self.settings.java_folder(self._environment)
            build = java_build(java_home)
            check_build(self.settings.version, build)
            environment = dict(self._environment)
            if environment.get(PYTHON) == self._python:
                environment.pop(PYTHON, None)
            chosen = {**self.settings.settings, **own}.get("spark.pyspark.python", "")
            place = find_place(environment, self._folder, build, python=chosen)
            os.environ[PYTHON] = self._python = place.python  # noqa: TID251  # PySpark's
            self.tokens, room = self._service.session() if self._service.exists else (b"", Room())
            place = replace(place, secure=bool(self.tokens), viewer=room.viewer)
            properties = session_properties(self.settings, own, place)
            if told := fit(properties, own, room):
                self.listener.warn(told)
            self.executors = executor_size(properties)
            data = self._class_data(build)
            variables, dropped = jvm_environment(self._environment)
            if self.settings.python_urls:
                variables[_ARCHIVES] = ",".join(self.settings.python_urls)
            if dropped:
                self.listener.warn(words.dropped_variables(dropped))
            self.listener.starting(words.starting(self.settings.version, slower=not data))
            arguments = java_arguments(
                flags(self.settings.version),
                self.settings,
                properties,
                class_data=data,
                configuration=self._environment.get("HADOOP_CONF_DIR", ""),
            )
            start = JvmStart(
                java_home=java_home,
                arguments=arguments,
                environment=variables,
                folder=self._folder,
                log=log_file(self._environment, self._folder),
                tokens=self.tokens,
                memory=properties[MEMORY],
                by_builder=self.settings.has_builder,
            )
            jvm = Jvm(start, on_end=self._jvm_ended, meanwhile=self._import_converters)
            return jvm, properties
        except (SettingsError, JavaError, JvmError, ServiceError) as error:
            raise SparkError(str(error)) from None
        except OSError as error:
            raise SparkError(words.start_failed(str(error))) from error

    def _import_converters(self) -> None:
        """Import what PySpark 4 imports for its first call of a JVM, pandas among it.

        In PySpark 3.5, the module ends a process without a `SPARK_HOME`.

        Source: pyspark.sql.types.NumpyArrayConverter.can_convert.
        """
        if not self.settings.version.startswith("3."):
            with contextlib.suppress(Exception):  # PySpark raises it again when it needs the module
                importlib.import_module("pyspark.testing.utils")

    def _check_launcher(self, error: Exception) -> None:
        """Name the launcher as the reason of an error if it is gone, and with it all tokens."""
        on_yarn = self.settings.settings.get("spark.master", "yarn").startswith("yarn")
        if on_yarn and self._service.is_missing:
            raise SparkError(words.no_launcher(self._service.path)) from error

    def _class_data(self, build: str) -> str:
        name = self.settings.class_data.get(build, "")
        return name if name and (self._folder / name).is_file() else ""

    def _check_pyspark(self) -> None:
        import pyspark

        found = pyspark.__version__
        if found != self.settings.version:
            place = str(Path(pyspark.__file__ or "").parent)
            raise SettingsError(words.wrong_version(found, self.settings.version, place))
        self._check_files()

    def _check_files(self) -> None:
        for name in (self.settings.libs, *self.settings.python):
            if not (self._folder / name).exists():
                raise SettingsError(words.missing_file(str(self._folder / name)))

    def _jvm_ended(self, jvm: Jvm) -> None:
        """The JVM has been killed, so its application still runs."""
        self._died = jvm
        self._end_application()

    def _end_application(self) -> None:
        def end() -> None:
            # Else it is tried again before the next session, or the service does it at the end.
            with contextlib.suppress(ServiceError):
                self._service.end_spark()
                self._left = False

        if self._service.exists:
            self._left = True
            self._cleaning = threading.Thread(target=end, name="spark-end", daemon=True)
            self._cleaning.start()

    def _clean(self) -> None:
        """Have no application left that runs, and no request that would end the next one."""
        for _ in range(2):
            if self._cleaning is not None:
                self._cleaning.join()
            if not self._left:
                break
            self._end_application()
        if self._cleaning is not None:
            self._cleaning.join()

    def _end(self) -> None:
        """End the JVM of a session that is stopped, or has not started completely."""
        jvm, self._jvm = self._jvm, None
        ended = jvm is None
        try:
            if jvm is not None:
                ended = jvm.end() and self._complete
                if jvm.died and not self._complete:  # PySpark stops a context that has failed
                    self._died = jvm
        finally:  # an interrupt kills the JVM
            if not ended:
                self._end_application()
            self._forget()

    def _forget(self) -> None:
        """Have PySpark start from the beginning."""
        from pyspark import SparkContext
        from pyspark.sql import SparkSession, SQLContext

        self._jvm = None
        with SparkContext._lock:  # noqa: SLF001
            gateway = SparkContext._gateway  # noqa: SLF001
            context = SparkContext._active_spark_context  # noqa: SLF001
            SparkContext._gateway = SparkContext._jvm = None  # noqa: SLF001
            SparkContext._active_spark_context = None  # noqa: SLF001
            SparkSession._instantiatedSession = SparkSession._activeSession = None  # noqa: SLF001
            SQLContext._instantiatedContext = None  # noqa: SLF001
        if context is not None:
            context._jsc = None  # noqa: SLF001
            if server := getattr(context, "_accumulatorServer", None):
                server.shutdown()
        if gateway is not None:
            with contextlib.suppress(Exception):  # there is nobody at its other end
                gateway.close()
        self.listener.stopped()


def proxy_address(context: Context) -> str:
    """Spark's pages through the ResourceManager's proxy; empty if they are not there."""
    if not context.master.startswith("yarn"):
        return ""
    jvm = context._jvm  # noqa: SLF001
    with contextlib.suppress(Exception):  # a link is not worth an error
        configuration = context._jsc.hadoopConfiguration()  # noqa: SLF001
        web = jvm.org.apache.hadoop.yarn.webapp.util.WebAppUtils
        scheme = web.getHttpSchemePrefix(configuration)
        host = web.getProxyHostAndPort(configuration)
        return f"{scheme}{host}/proxy/{context.applicationId}/"
    return ""


def _is_current(context: Context) -> bool:
    from pyspark import SparkContext

    return SparkContext._active_spark_context is context  # noqa: SLF001


def _is_disconnection(error: BaseException | None) -> bool:
    if error is None or isinstance(error, ConnectionError):
        return error is not None
    from py4j.protocol import Py4JError, Py4JJavaError

    return isinstance(error, Py4JError) and not isinstance(error, Py4JJavaError)


@contextlib.contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Environment variables for PySpark, which has no other way to take them."""
    os.environ.update(variables)  # noqa: TID251
    try:
        yield
    finally:
        for name in variables:
            os.environ.pop(name, None)  # noqa: TID251
