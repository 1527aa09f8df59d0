"""Environment variables that an application's processes find. Source: skein's documentation."""

APPMASTER_ADDRESS = "SKEIN_APPMASTER_ADDRESS"
APPLICATION_ID = "SKEIN_APPLICATION_ID"
CONTAINER_ID = "SKEIN_CONTAINER_ID"
RESOURCE_VCORES = "SKEIN_RESOURCE_VCORES"
RESOURCE_MEMORY = "SKEIN_RESOURCE_MEMORY"
NAME_FILE = ".container"
"""The end of the name of an empty file in a container's log folder, before which stands the
container's name: it says whose logs these are where the application is gone, and where YARN keeps
no script of the launch (`yarn.nodemanager.log-container-debug-info.enabled`)."""
SCRIPT = "YARNHUB_SCRIPT"
"""A container's script on its way into a file; not set while the script runs."""
