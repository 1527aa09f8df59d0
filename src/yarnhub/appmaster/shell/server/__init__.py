"""The ApplicationMaster's ports: connections, TLS, HTTP and frames."""
