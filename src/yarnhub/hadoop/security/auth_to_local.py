r"""The user names of Kerberos principals on a cluster: `hadoop.security.auth_to_local`.

A list of rules, of which the first that applies defines the name:

    RULE:[2:$1/$2@$0](rm/.*@EXAMPLE\.COM)s/.*/yarn/
         |  |        |                   |          /L at the end: in lower case
         |  |        |                   replaced in it, with /g everywhere
         |  |        must match it as a whole
         |  built from the parts: $0 is the realm
         for principals of so many parts
    DEFAULT: the first part, for principals of the default realm

The regular expressions are Java's; as far as principals need them, Python's are the same.

Source: org.apache.hadoop.security.authentication.util.KerberosName (Hadoop 3.4).
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.base.foreign_text import compiled, quoted
from yarnhub.hadoop.security.authentication import is_secure
from yarnhub.hadoop.security.kerberos import default_realm
from yarnhub.hadoop.site_file import JAVA_WHITE_SPACE

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnhub.hadoop.conf import Properties

_MAX_SHOWN = 100
"""Characters of a rule in a message."""
RULES = "hadoop.security.auth_to_local"
MECHANISM = "hadoop.security.auth_to_local.mechanism"

_WITHOUT_KERBEROS = "RULE:[1:$1] RULE:[2:$1]"
"""The rules if no site file has any: HadoopKerberosName.setConfiguration."""
_PRINCIPAL = re.compile(r"([^/@]+)(?:/([^/@]+))?(?:@([^/@]+))?")
_RULE = re.compile(
    r"\s*(?:(DEFAULT)|RULE:\[(\d{0,9}):([^\]]*)\](?:\(([^)]*)\))?(?:s/([^/]*)/([^/]*)/(g)?)?)/?(L)?",
    re.ASCII,
)
_PARAMETER = re.compile(r"\$(\d*)", re.ASCII)
_GROUP = re.compile(r"\\(.)|\$(?:(\d{1,9})|\{(\w+)\})|([^\\$]+)", re.ASCII | re.DOTALL)


def local_name(
    principal: str, properties: Properties, realm: Callable[[], str] = default_realm
) -> str:
    """The user name of a ticket's owner in Hadoop.

    Args:
        principal: For example `alice@EXAMPLE.COM`.
        properties: The Hadoop configuration.
        realm: Returns the default realm; called only if a rule needs it.

    Raises:
        ConfigurationError: A rule cannot be read, or none applies to this principal.
    """
    mechanism = (properties.get(MECHANISM) or "hadoop").lower()
    if mechanism not in ("hadoop", "mit"):
        raise ConfigurationError(
            f"{MECHANISM} is {quoted(mechanism)}; supported values are hadoop and MIT"
        )
    parsed = _PRINCIPAL.fullmatch(principal)
    if parsed is None and "@" in principal:
        raise ConfigurationError(f"{quoted(principal)} is not a Kerberos principal")
    if parsed is None or (parsed[2] is None and parsed[3] is None):
        return principal
    name = _Name(principal, parsed[3], tuple(part for part in parsed.groups()[:2] if part))
    default = "DEFAULT" if is_secure(properties) else _WITHOUT_KERBEROS
    for rule in _parse(properties.get(RULES) or default):
        found = rule.apply(name, realm)
        if found is None:
            continue
        if mechanism == "hadoop" and re.search("[/@]", found):
            raise ConfigurationError(
                f"{RULES}: {rule.text} maps {principal} to {quoted(found)}: a user name cannot"
                f" contain / or @"
            )
        return found.lower() if rule.in_lower_case else found
    if mechanism == "mit":
        return principal
    raise ConfigurationError(
        f"no rule of {RULES} applies to {principal}: this machine needs the cluster's"
        f" core-site.xml and krb5.conf"
    )


@dataclass(frozen=True, slots=True)
class _Name:
    """A principal in its parts."""

    principal: str
    realm: str | None
    components: tuple[str, ...]

    def parameter(self, number: int) -> str:
        """The value of `$0`, `$1` ..."""
        # Java writes a missing realm like this.
        return (self.realm or "null", *self.components)[number]


@dataclass(frozen=True, slots=True)
class _Rule:
    text: str
    is_default: bool
    components: int
    form: str
    match: re.Pattern[str] | None
    replaced: re.Pattern[str] | None
    replacement: str
    everywhere: bool
    in_lower_case: bool

    def apply(self, name: _Name, realm: Callable[[], str]) -> str | None:
        """The user's name; None if this rule does not apply."""
        if self.is_default:
            return name.components[0] if name.realm == realm() else None
        if self.components != len(name.components):
            return None
        base = _PARAMETER.sub(lambda found: self._parameter(found[1], name), self.form)
        if self.match is not None and not self.match.fullmatch(base):
            return None
        if self.replaced is None:
            return base
        return self.replaced.sub(self._filled, base, count=0 if self.everywhere else 1)

    def _parameter(self, number: str, name: _Name) -> str:
        try:
            return name.parameter(int(number))
        except (ValueError, IndexError) as error:
            raise ConfigurationError(
                f"{RULES}: {self.text}: ${number[:_MAX_SHOWN]} is not one of $0 to"
                f" ${len(name.components)}"
            ) from error

    def _filled(self, found: re.Match[str]) -> str:
        """The replacement with its groups, as in java.util.regex.Matcher."""
        result, at = "", 0
        while at < len(self.replacement):
            part = _GROUP.match(self.replacement, at)
            if part is None:
                raise ConfigurationError(
                    f"{RULES}: {self.text}: {quoted(self.replacement)} ends too soon"
                )
            at = part.end()
            escaped, digits, name, text = part.groups()
            if digits is not None:
                # As many digits as there are groups: `$12` may be the first group and a 2.
                length = len(digits)
                while length > 1 and int(digits[:length]) > found.re.groups:
                    length -= 1
                at -= len(digits) - length
                result += self._group(found, int(digits[:length]))
            elif name is not None:
                result += self._group(found, name)
            else:
                result += escaped or text
        return result

    def _group(self, found: re.Match[str], group: int | str) -> str:
        try:
            return found[group] or ""
        except IndexError as error:
            raise ConfigurationError(
                f"{RULES}: {self.text}: no group {str(group)[:_MAX_SHOWN]}"
            ) from error


def _parse(text: str) -> list[_Rule]:
    rules, text = [], text.strip(JAVA_WHITE_SPACE)
    while text:
        found = _RULE.match(text)
        if found is None or found[2] == "":
            raise ConfigurationError(f"{RULES}: not a rule: {text[:_MAX_SHOWN]}")
        default, components, form, match, replaced, replacement, everywhere, lower = found.groups()
        rules.append(
            _Rule(
                text=found[0].strip()[:_MAX_SHOWN],
                is_default=default is not None,
                components=int(components or 0),
                form=form or "",
                match=_compile(match),
                replaced=_compile(replaced),
                replacement=replacement or "",
                everywhere=everywhere is not None,
                in_lower_case=lower is not None and default is None,
            )
        )
        text = text[found.end() :]
    return rules


def _compile(expression: str | None) -> re.Pattern[str] | None:
    if expression is None:
        return None
    try:
        with warnings.catch_warnings():
            # Java has sets in sets, and &&: Python takes them for characters, and warns.
            warnings.simplefilter("error", FutureWarning)
            # Java names a group (?<name>...), and \d means the ten digits.
            return compiled(re.sub(r"\(\?<(?=[a-zA-Z])", "(?P<", expression), re.ASCII)
    except (ValueError, FutureWarning) as error:
        raise ConfigurationError(f"{RULES}: {quoted(expression)}: {error}") from error
