"""A real Hadoop cluster on loopback, for demonstrations and tests."""

from yarnhub.cluster.hadoop import HadoopCluster
from yarnhub.cluster.options import ClusterOptions, RpcProtection

__all__ = ["ClusterOptions", "HadoopCluster", "RpcProtection"]
