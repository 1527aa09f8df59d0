"""The ApplicationMaster's contact with the world: heartbeats, launches, clients, its script."""
