"""Services for users: what listens on the network, above all integrations."""
