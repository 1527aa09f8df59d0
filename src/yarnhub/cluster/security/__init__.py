"""What a cluster with Kerberos needs: realm, certificates and containers of other OS users."""
