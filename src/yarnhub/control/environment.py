"""Environment variables of an application's processes. Source: skein's documentation."""

APPMASTER_ADDRESS = "SKEIN_APPMASTER_ADDRESS"
APPLICATION_ID = "SKEIN_APPLICATION_ID"
CONTAINER_ID = "SKEIN_CONTAINER_ID"
RESOURCE_VCORES = "SKEIN_RESOURCE_VCORES"
RESOURCE_MEMORY = "SKEIN_RESOURCE_MEMORY"
NAME_FILE = ".container"
"""The suffix of an empty file in a container's log folder that is named after the container: it
identifies the logs of an ended application if YARN keeps no launch script
(`yarn.nodemanager.log-container-debug-info.enabled`)."""
SCRIPT = "YARNHUB_SCRIPT"
"""A container's script, until it is written to a file; not set while the script runs."""
