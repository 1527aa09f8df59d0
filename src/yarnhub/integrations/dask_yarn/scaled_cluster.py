"""The workers of a Dask cluster on YARN: how many there are, and what they have logged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distributed.deploy.adaptive import Adaptive
from distributed.deploy.cluster import Cluster

from yarnhub.integrations.dask_yarn.skein_objects import containers_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.integrations.dask_yarn.application import DaskApplication

# Any, in this module: distributed has no types for most of this


class ScaledCluster(Cluster):
    """The part of `YarnCluster` that is about workers.

    Workers have the ids of their containers as names. The ApplicationMaster decides how many there
    are: it replaces those that fail.
    """

    status: Any
    _application: DaskApplication | None = None

    @property
    def _started(self) -> DaskApplication:
        """The application, which may have ended."""
        if self._application is None:
            raise RuntimeError("the cluster has not started: await it")
        return self._application

    @property
    def _running(self) -> DaskApplication:
        """The application.

        Raises:
            ApplicationFailedError: It has ended.
        """
        application = self._started
        if application.end is not None:
            raise application.end
        return application

    def workers(self) -> Any:
        """The containers of workers that wait or run."""
        return self.sync(self._workers)

    async def _workers(self) -> list[Any]:
        await self._running.look()
        return containers_of(self._running.workers.values())

    def logs(self, scheduler: bool = True, workers: bool | Iterable[str] = True) -> Any:  # noqa: FBT001, FBT002  # dask-yarn's signature
        """The newest lines that the scheduler and the workers have logged.

        Args:
            scheduler: Whether to include the scheduler.
            workers: Whether to include the workers; or their addresses.
        """
        return self.get_logs(cluster=False, scheduler=scheduler, workers=workers)

    @property
    def worker_spec(self) -> dict[str, dict[str, object]]:
        """The requested workers, by name: distributed's widget counts them."""
        return {name: {} for name in self.requested}

    @property
    def requested(self) -> set[str]:
        """The names of workers that wait or run."""
        return set(self._application.workers) if self._application is not None else set()

    @property
    def plan(self) -> set[str]:
        """The names of workers that there should be."""
        return self.requested

    def scale(self, n: int) -> Any:
        """Set the number of workers, and stop adapting it.

        Args:
            n: The number.
        """
        if self._adaptive is not None:
            self._adaptive.stop()
        return self.sync(self._scale, n)

    def scale_up(self, n: int) -> Any:
        """Start workers until there are `n`; does nothing if there are more."""
        return self.sync(self._scale_up, n)

    def scale_down(self, workers: Iterable[str]) -> Any:
        """Retire workers and end their containers.

        Args:
            workers: Their names, such as `dask.worker_0`, or addresses.
        """
        return self.sync(self._scale_down, workers)

    def adapt(self, Adaptive: type[Adaptive] | None = None, **kwargs: Any) -> Adaptive:  # noqa: N803  # distributed's signature
        """Adapt the number of workers to the load; see `distributed.deploy.Adaptive`.

        Args:
            Adaptive: The class.
            kwargs: Its arguments, such as `minimum` and `maximum`.
        """
        return super().adapt(Adaptive or YarnAdaptive, **kwargs)

    async def _scale(self, n: int) -> None:
        await self._running.look()
        surplus = len(self.requested) - n
        if surplus <= 0:
            await self._scale_up(n)
            return
        waiting = sorted(self.requested - self.observed)[:surplus]
        idle: list[str] = []
        if surplus > len(waiting):
            idle = await self.scheduler_comm.workers_to_close(
                n=surplus - len(waiting), attribute="name"
            )
        await self._scale_down([*waiting, *idle])

    async def _scale_up(self, n: int) -> None:
        if n > len(self.requested):
            await self._running.scale(n)

    async def _scale_down(self, workers: Iterable[str]) -> None:
        known = self.scheduler_info["workers"]
        names = [known[each]["name"] if each in known else each for each in workers]
        await self.scheduler_comm.retire_workers(names=names, remove=True, close_workers=True)
        await self._running.stop_workers(names)


class YarnAdaptive(Adaptive):
    """Adapts a cluster, whose `scale` ends it."""

    async def scale_up(self, n: int) -> None:
        """Start workers until there are `n`."""
        await self.cluster._scale_up(n)  # noqa: SLF001  # ours
