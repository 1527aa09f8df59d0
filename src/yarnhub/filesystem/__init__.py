"""The file systems of a cluster: HDFS, WebHDFS and the local one, with one interface."""
