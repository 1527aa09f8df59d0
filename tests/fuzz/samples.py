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

JSON_WORDS = (b'"', b"{", b"}", b"[", b"]", b",", b":", b"null", b"1e999", b"\\ud800", b"9" * 5000)


def text_of(content: bytes) -> str:
    """Bytes as a text, whatever they are."""
    return content.decode(errors="replace")
