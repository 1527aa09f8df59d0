"""Users and their authentication."""
