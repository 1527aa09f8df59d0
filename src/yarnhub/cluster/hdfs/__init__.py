"""What the NameNode of a new cluster is set up with: folders and the encryption zone."""
