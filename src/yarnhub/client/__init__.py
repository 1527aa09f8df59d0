"""What a client does: read specifications, stage files, submit and follow applications."""
