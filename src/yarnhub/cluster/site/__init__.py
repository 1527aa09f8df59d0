"""The site files of a cluster: pure functions of its options, ports and folders."""
