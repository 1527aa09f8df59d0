"""The clients of YARN's three protocols: ResourceManager, scheduler, NodeManager."""
