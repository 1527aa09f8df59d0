"""What an application does is recorded before it is done."""
