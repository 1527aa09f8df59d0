"""Python environments: from a specification to an archive that carries its own interpreter."""
