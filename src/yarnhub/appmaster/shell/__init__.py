"""The ApplicationMaster's I/O: heartbeats, launches, clients, its script."""
