"""The site files of a cluster: pure functions of what was chosen for it."""
