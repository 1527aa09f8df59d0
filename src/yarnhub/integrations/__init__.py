"""What other projects plug in: a package for each."""
