"""The Sphinx directive `spawner-traits`: the settings of `c.YarnSpawner` beyond JupyterHub's."""

import inspect

from docutils import nodes
from jupyterhub.spawner import Spawner
from sphinx.util.docutils import SphinxDirective

from yarnhub.integrations.jupyterhub.spawner import YarnSpawner


class SpawnerTraitsDirective(SphinxDirective):
    """A list of the traits of `YarnSpawner`, each with its kind, its default and its help."""

    def run(self):
        return [nodes.definition_list("", *(self.item(*each) for each in own_traits().items()))]

    def item(self, name, trait):
        term = nodes.term("", "", nodes.literal("", f"c.YarnSpawner.{name}"))
        kind, value = trait.info(), trait.default_value_repr()
        # Of others than these the default is made when the hub starts, as their help says.
        shown = (
            [] if value in ("traitlets.Undefined", "''", "None", "[]", "{}", "set()") else [value]
        )
        about = nodes.paragraph("", f"{kind}; by default " if shown else kind)
        about += [nodes.literal("", text) for text in shown]
        help_text, _ = self.parse_inline(inspect.cleandoc(trait.help))
        return nodes.definition_list_item(
            "", term, nodes.definition("", nodes.paragraph("", "", *help_text), about)
        )


def own_traits():
    """Those that JupyterHub's spawner does not have or that are others there, by name."""
    traits = YarnSpawner.class_traits(config=True)
    inherited = Spawner.class_traits(config=True)
    return {
        name: trait for name, trait in sorted(traits.items()) if trait is not inherited.get(name)
    }


def setup(app):
    app.add_directive("spawner-traits", SpawnerTraitsDirective)
    return {"parallel_read_safe": True}
