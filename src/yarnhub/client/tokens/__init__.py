"""The delegation tokens of an application: obtained, renewed, replaced."""
