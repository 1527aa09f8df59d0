"""Who a connection acts for: users and Kerberos credentials."""
