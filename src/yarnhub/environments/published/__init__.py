"""Environments in HDFS: published, found, shared, changed and deleted.

`user_store` opens the store of a user with the site's configuration.
"""
