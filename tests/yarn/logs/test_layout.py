from __future__ import annotations

from yarnhub.yarn.logs.layout import is_archive, is_node_file, is_unfinished, log_directories
from yarnhub.yarn.records.ids import ApplicationId

APP = ApplicationId.parse("application_1533143063639_120021")
OLD = ApplicationId.parse("application_1533143063639_0007")


def test_by_default() -> None:
    assert log_directories({}, "alice", OLD) == (
        f"/tmp/logs/alice/bucket-logs-tfile/0007/{OLD}",
        f"/tmp/logs/alice/bucket-logs-ifile/0007/{OLD}",
        f"/tmp/logs/alice/logs/{OLD}",
        f"/tmp/logs/alice/logs-tfile/{OLD}",
        f"/tmp/logs/alice/logs-ifile/{OLD}",
    )


def test_the_bucket_is_the_last_four_digits() -> None:
    assert "/bucket-logs-tfile/0021/" in log_directories({}, "alice", APP)[0]


def test_configured() -> None:
    properties = {
        "yarn.log-aggregation.file-formats": " IFile, TFile",
        "yarn.nodemanager.remote-app-log-dir": "/app-logs/",
        "yarn.nodemanager.remote-app-log-dir-suffix": "kept",
        "yarn.log-aggregation.IFile.remote-app-log-dir": "hdfs://other:9000/ifile",
        "yarn.log-aggregation.IFile.remote-app-log-dir-suffix": "special",
    }
    assert log_directories(properties, "alice", OLD) == (
        f"hdfs://other:9000/ifile/alice/bucket-special/0007/{OLD}",
        f"/app-logs/alice/bucket-kept-tfile/0007/{OLD}",
        f"hdfs://other:9000/ifile/alice/kept/{OLD}",
        f"hdfs://other:9000/ifile/alice/special/{OLD}",
        f"/app-logs/alice/kept/{OLD}",
        f"/app-logs/alice/kept-tfile/{OLD}",
    )


def test_which_files_hold_logs() -> None:
    assert is_node_file("worker-1_45454")
    assert is_node_file("worker-1_45454_1533143063640")
    assert not is_node_file("worker-1_45454.tmp")
    assert not is_node_file("worker-1_45454-checksum")
    assert not is_node_file(f"{OLD}.har")
    assert is_archive(f"{OLD}.har")
    assert is_unfinished("worker-1_45454.tmp")
