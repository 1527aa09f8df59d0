"""File systems that a cluster reads from: HDFS, WebHDFS and the local one, behind one port."""
