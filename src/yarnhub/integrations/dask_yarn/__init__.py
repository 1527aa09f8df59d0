"""Dask clusters on YARN for users of dask-yarn: `YarnCluster` with its constructor and methods."""

from yarnhub.integrations.dask_yarn.cluster import YarnCluster

__all__ = ["YarnCluster"]
