"""Sphinx configuration."""

project = "yarnhub"
author = "The yarnhub developers"
copyright = "2026, the yarnhub developers"
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "yarnhub"
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
