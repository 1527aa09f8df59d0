"""A running application: the client of its owner and of its own containers."""
