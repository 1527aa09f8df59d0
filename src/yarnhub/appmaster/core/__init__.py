"""The decisions of an ApplicationMaster: events in, actions out; no I/O, no clock."""
