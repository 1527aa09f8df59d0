"""A container held for a user: what may be chosen for it. No web framework is known here."""
