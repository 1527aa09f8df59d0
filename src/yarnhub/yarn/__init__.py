"""YARN's three protocols as a client speaks them: ResourceManager, scheduler, NodeManager."""
