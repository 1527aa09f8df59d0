"""What a client and an ApplicationMaster say to each other.

Each request is a dataclass in `control.messages` with the class of its answer; on the wire it is
`POST /control/<name>` with a JSON body over mutual TLS. Both sides use `control.json`.
"""
