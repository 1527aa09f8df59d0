"""Hadoop RPC over asyncio: connections, calls, failover."""
