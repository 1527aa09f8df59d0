"""HDFS in JupyterLab: the user's home there, as a folder beside the server's own.

Set it by `c.ServerApp.contents_manager_class = "yarnhub.integrations.contents.ContentsWithHdfs"`;
a server that `yarnspawner.YarnSpawner` starts has it already.
"""

from yarnhub.integrations.contents.combined import ContentsWithHdfs
from yarnhub.integrations.contents.file_systems import hdfs_from_environment
from yarnhub.integrations.contents.hdfs import HdfsContents
from yarnhub.integrations.contents.local import OwnFiles

__all__ = ["ContentsWithHdfs", "HdfsContents", "OwnFiles", "hdfs_from_environment"]
