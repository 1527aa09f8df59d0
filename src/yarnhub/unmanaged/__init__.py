"""Applications whose ApplicationMasters run in this process: hundreds on one event loop.

YARN calls such an ApplicationMaster unmanaged: it starts none, and gives the token of the one that
we run. Nothing but the application's own containers then runs on the cluster.
"""

from yarnhub.unmanaged.application import UnmanagedApplication
from yarnhub.unmanaged.applications import UnmanagedApplications

__all__ = ["UnmanagedApplication", "UnmanagedApplications"]
