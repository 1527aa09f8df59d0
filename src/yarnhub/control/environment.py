"""Environment variables that an application's processes find. Source: skein's documentation."""

APPMASTER_ADDRESS = "SKEIN_APPMASTER_ADDRESS"
APPLICATION_ID = "SKEIN_APPLICATION_ID"
CONTAINER_ID = "SKEIN_CONTAINER_ID"
RESOURCE_VCORES = "SKEIN_RESOURCE_VCORES"
RESOURCE_MEMORY = "SKEIN_RESOURCE_MEMORY"
SCRIPT = "YARNHUB_SCRIPT"
"""A container's script on its way into a file; not set while the script runs."""
