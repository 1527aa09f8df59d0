"""What was written down by this version is read by every later one."""

from __future__ import annotations

from appmaster.core.scenario import application, service
from yarnhub.appmaster.core.application import Application
from yarnhub.appmaster.core.placement import Topology
from yarnhub.appmaster.core.records import Change
from yarnhub.control import json

# Never changed: a journal that is on somebody's disk. Whoever adds a field gives it a default.
WRITTEN = """\
{"records":[
{"ApplicationRecord":{"started":true,"progress":null,"last_event":1,"pages":[],
"am_rm_token":null,"final_status":null,"diagnostics":"","retriable":false,"over":false}},
{"ServiceRecord":{"name":"a","failures":2,"restarts":1,"waits_for":[]}},
{"Instance":{"service":"a","number":3,"state":"REQUESTED"}},
{"KeyRecord":{"key":"k","entry":{"key":"k","value":"dg==","owner":"a_3"}}}]}
"""


def test_a_journal_of_the_first_version_is_read() -> None:
    restored = Application(application(a=service()), "the document", Topology(racks={}))
    restored.restore([json.load(Change, WRITTEN.encode())])
    assert restored.services.started
    again = json.dump(restored.snapshot()).decode()
    assert '"failures":2,"restarts":1' in again
    assert '"number":3,"state":"REQUESTED"' in again
    assert '"value":"dg==","owner":"a_3"' in again
