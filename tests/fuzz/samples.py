"""Documents that are valid, for several tests."""

from __future__ import annotations

import json

from yarnhub.spec import ApplicationSpec

SPEC = ApplicationSpec.from_dict(
    {
        "name": "café",
        "max_attempts": 2,
        "master": {"script": "echo $X", "env": {"X": "1"}},
        "services": {"a": {"resources": {"memory": "1 GiB", "vcores": 1}, "script": "sleep 1"}},
    }
)
DOCUMENT = json.dumps(SPEC.to_dict()).encode()
KERNELSPEC = {
    "argv": ["python", "{connection_file}"],
    "env": {"A": "1"},
    "metadata": {
        "kernel_provisioner": {
            "provisioner_name": "yarnhub",
            "config": {
                "memory": "2 GiB",
                "environment": "hdfs:///e.tar.gz",
                "shared_folders": {"/home": "/nfs"},
                "limits": {"KERNEL_MEMORY": "4 GiB", "KERNEL_QUEUE": ["a"]},
            },
        }
    },
}
