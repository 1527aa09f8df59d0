"""Applications whose ApplicationMasters run in this process: hundreds on one event loop.

YARN calls such ApplicationMasters unmanaged: it does not start them, and issues a token for each.
Only the application's own containers then run on the cluster.
"""

from yarnhub.unmanaged.application import UnmanagedApplication
from yarnhub.unmanaged.applications import UnmanagedApplications

__all__ = ["UnmanagedApplication", "UnmanagedApplications"]
