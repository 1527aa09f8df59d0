"""What every layer stands on: the error tree, units and time. Imports nothing of the project."""
