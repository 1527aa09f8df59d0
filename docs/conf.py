"""Sphinx configuration."""

import re
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

project = "yarnhub"
author = "The yarnhub developers"
copyright = "2026, the yarnhub developers"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "command_help",
    "spawner_traits_directive",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "yarnhub"
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
default_role = "code"
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
suppress_warnings = ["ref.python"]  # skein and yarnhub have classes of one name


def setup(app):
    # Docstrings put code into single backticks, as Markdown does.
    def double(_app, _what, _name, _object, _options, lines):
        lines[:] = [re.sub(r"(?<!`)`([^`]+)`(?!`)", r"``\1``", line) for line in lines]

    app.connect("autodoc-process-docstring", double, priority=100)  # before napoleon
