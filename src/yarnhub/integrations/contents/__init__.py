"""HDFS in JupyterLab: the user's home there, as a folder beside the server's own.

Set it by `c.ServerApp.contents_manager_class = "yarnhub.integrations.contents.ContentsWithHdfs"`;
a server that `yarnspawner.YarnSpawner` starts has it already.
"""

from yarnhub.integrations.contents.both import ContentsWithHdfs
from yarnhub.integrations.contents.hdfs import HdfsContents
from yarnhub.integrations.contents.opening import hdfs_from_environment
from yarnhub.integrations.contents.own import OwnFiles

__all__ = ["ContentsWithHdfs", "HdfsContents", "OwnFiles", "hdfs_from_environment"]
