"""The API for users' own Jupyter servers, whose `GatewayHolder` holds kernels here.

These servers have Jupyter's REST API themselves: they need starts, states, signals and the bytes of
channels. `yarnhub.server.gateway.handlers` is for clients that use Jupyter's own gateway protocol.
"""
