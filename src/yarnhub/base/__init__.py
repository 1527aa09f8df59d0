"""The foundation of all layers: errors, units, deadlines, tasks. Imports nothing of the project."""
