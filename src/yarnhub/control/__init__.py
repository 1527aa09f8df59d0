"""The protocol between a client and an ApplicationMaster.

Each request is a dataclass in `control.messages` with the class of its answer. On the wire both are
JSON, by `control.json`, over mutual TLS: in `control.frames`, or in HTTP as
`POST /control/<name>`.
"""
