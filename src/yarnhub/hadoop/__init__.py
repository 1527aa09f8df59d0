"""Hadoop RPC and configuration, independent of YARN and HDFS."""
