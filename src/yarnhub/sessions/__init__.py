"""Containers that are held for users: the request, the holder, the start, the port and the end.

Independent of web frameworks.
"""
