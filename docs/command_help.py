"""The directive `command-help`: what `--help` of a program and each of its commands prints."""

import argparse
import functools
import importlib

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

WIDTH = 92


class CommandHelp(SphinxDirective):
    """Sections with the help of all commands of the parser that `module:function` returns."""

    required_arguments = 1

    def run(self):
        module, _, function = self.arguments[0].partition(":")
        root = getattr(importlib.import_module(module), function)()
        return [self.section(parser) for parser in runnable(root)]

    def section(self, parser):
        parser.formatter_class = functools.partial(argparse.HelpFormatter, width=WIDTH)
        section = nodes.section(ids=[nodes.make_id(parser.prog)], names=[parser.prog])
        section += nodes.title("", "", nodes.literal("", parser.prog))
        section += nodes.literal_block("", parser.format_help(), language="text")
        self.state.document.note_explicit_target(section)
        return section


def runnable(parser):
    """The parsers of all commands that are not made of commands."""
    groups = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    if not groups:
        yield parser
    for group in groups:
        for child in group.choices.values():
            yield from runnable(child)


def setup(app):
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True}
