"""HDFS in JupyterLab: the user's home directory, as a folder next to the server's own.

Set it with `c.ServerApp.contents_manager_class = "yarnhub.integrations.contents.ContentsWithHdfs"`;
servers that `yarnspawner.YarnSpawner` starts have it already.
"""

from yarnhub.integrations.contents.combined import ContentsWithHdfs
from yarnhub.integrations.contents.file_systems import hdfs_from_environment
from yarnhub.integrations.contents.hdfs import HdfsContents
from yarnhub.integrations.contents.local import OwnFiles

__all__ = ["ContentsWithHdfs", "HdfsContents", "OwnFiles", "hdfs_from_environment"]
