"""The command `lc`. Importing this imports no plugin, no torch, and none of the sub-commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lc_core.cli.group import LazyGroup
from lc_core.common.lazy import exports

if TYPE_CHECKING:
    from lc_core.cli.options import FILE_PATH as FILE_PATH
    from lc_core.cli.options import plugin_files as plugin_files
    from lc_core.cli.text import table as table
    from lc_core.cli.threads import use_one_thread as use_one_thread

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "sample": ("lc_core.cli.sample", "Sample outputs that meet a spec."),
    "render": ("lc_core.cli.render", "Render outputs of a run."),
    "transform": ("lc_core.cli.transform", "Change files of your own as little as makes them meet a spec."),
    "score": ("lc_core.cli.score", "Measure files of your own under a spec's rules."),
    "eval": ("lc_core.cli.eval", "Tell how good the samples of runs are, beside exact ones."),
    "validate": ("lc_core.cli.validate", "Check specs without sampling."),
    "show": ("lc_core.cli.show", "Show a spec with every default, and the engines that fit it."),
    "plugins": ("lc_core.cli.plugins", "List what is installed, and what is broken."),
    "new-plugin": ("lc_core.cli.new_plugin", "Write the package of a new plugin, ready to install."),
    "schema": ("lc_core.cli.schema", "Print the JSON Schema of specs, for editors."),
    "inspect": ("lc_core.cli.inspect", "Load a model and tell what it can do, how fast, and whether it is sane."),
    "fit": ("lc_core.cli.fit", "Fit and cache what a spec needs, without sampling."),
    "bank": ("lc_core.cli.bank", "Decode prior samples ahead, so that no spec has to."),
    "amortise": ("lc_core.cli.amortise", "Train a sampler for a model, once, for any spec of its rules."),
    "cache": ("lc_core.cli.cache", "List or clear fitted parts and banks."),
    "train": ("lc_core.cli.train", "Train a model from its recipe."),
    "doctor": ("lc_core.cli.doctor", "Check the installation, devices, cache, plugins and models."),
}
"""Sub-commands of the core: the module that holds `command`, and one line of help, so that `lc --help` imports none."""


@click.group(
    "lc", cls=LazyGroup, table=COMMANDS, before="fit", context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="latent-constraints", prog_name="lc", message="%(prog)s %(version)s")
def main() -> None:
    """Sample from a frozen generative model under rules that it was never trained for.

    A spec says which model, which rules and how many outputs; every output is checked by measuring it.
    """


__getattr__, __dir__ = exports(__name__)
