"""Hadoop RPC: the wire format, the handshakes, the connections; nothing that knows YARN or HDFS."""
