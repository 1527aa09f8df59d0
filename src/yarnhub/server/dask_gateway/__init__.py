"""dask-gateway as a service of JupyterHub: its server, its proxy, and dashboards for their owners.

All of it is one process with dask-gateway's own server and our backend. Users' programs prove who
they are by tokens of the hub, and browsers by the hub's login.
"""
