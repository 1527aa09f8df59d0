"""What an ApplicationMaster decides: events in, actions out; no I/O, no clock."""
