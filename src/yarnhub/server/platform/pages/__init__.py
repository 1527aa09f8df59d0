"""The pages of the service: what users see in their browsers."""
