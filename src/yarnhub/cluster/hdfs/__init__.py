"""The set-up of a new cluster's HDFS: folders and the encryption zone."""
