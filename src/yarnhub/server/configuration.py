"""The configuration of a service: a file of traitlets, in Python or TOML."""

from __future__ import annotations

import difflib
import tomllib
from typing import TYPE_CHECKING, Any, TypeVar

from traitlets import Any as AnyTrait
from traitlets import TraitError, Unicode
from traitlets.config import Config, Configurable
from traitlets.config.loader import PyFileConfigLoader

from yarnhub.base.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

C = TypeVar("C", bound=Configurable)


class ClusterLogin(Configurable):
    """The settings of all services that act for users on the cluster."""

    principal = Unicode(
        "",
        help="""The service's Kerberos principal, on a cluster with Kerberos. YARN has to allow it
        to act for users.""",
    ).tag(config=True)
    keytab = Unicode("", help="The keytab of `principal`.").tag(config=True)
    cluster_user: Any = AnyTrait(  # Any: traitlets has no type for a callable
        None,
        allow_none=True,
        help="""A function that is called with a user's name and returns the user's name on the
        cluster. By default, both are the same.""",
    ).tag(config=True)


class TicketLogin(Configurable):
    """The settings of all services whose users can authenticate with Kerberos tickets."""

    spnego_keytab = Unicode(
        "",
        help="""The keytab with the key of `HTTP/<host>`. If set, users can authenticate with
        Kerberos tickets.""",
    ).tag(config=True)
    spnego_host = Unicode(
        "", help="The host name in the principal `HTTP/<host>`. By default this host's."
    ).tag(config=True)


def read_config(path: Path | None, kind: type[Configurable]) -> Config:
    """The configuration in a file: Python, or TOML if its name ends with `.toml`.

    Args:
        path: The file; None for no configuration.
        kind: The class with the settings of the service.

    Raises:
        ConfigurationError: It cannot be read, or has an unknown setting of the class.
    """
    own = kind.__name__
    if path is None:
        return Config()
    try:
        if path.suffix == ".toml":
            config = Config(tomllib.loads(path.read_text("utf-8")))
        else:
            config = PyFileConfigLoader(path.name, path=str(path.absolute().parent)).load_config()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:  # of any kind: it is a program
        raise ConfigurationError(f"{path} is not valid: {type(error).__name__}: {error}") from error
    for section, settings in config.items():
        if not isinstance(settings, dict):
            raise ConfigurationError(f"{path}: {section} is not a section with settings")
        near = difflib.get_close_matches(section.casefold(), [own.casefold()], cutoff=0.8)
        if near and section != own:
            raise ConfigurationError(f"{path}: write {own} instead of {section}")
    known = kind.class_trait_names(config=True)
    for name in config.get(own, {}):
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ConfigurationError(f"{path}: {own} has no setting {name!r}{hint}")
    return config


def configured(kind: type[C], config: Config) -> C:
    """The settings in a configuration.

    Raises:
        ConfigurationError: One of them is invalid.
    """
    try:
        return kind(config=config)
    except TraitError as error:
        raise ConfigurationError(f"The configuration is not valid: {error}") from error
