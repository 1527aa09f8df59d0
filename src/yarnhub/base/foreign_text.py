"""Text from users, programs and servers, cleaned so that it can be shown, stored and logged."""

from __future__ import annotations

import re

MAX_BYTES = 4096
"""The limit of one text: some pages of diagnostics. YARN itself accepts any length."""
_MAX_INPUT = 4 * MAX_BYTES
"""Characters that are processed: the rest would be cut off."""
_CUT = "..."
_MAX_QUOTED = 100
"""Characters of a value in a message."""

# ECMA-48: control sequences, strings (titles of windows, links) and other escapes. None of the
# patterns reaches beyond the next escape, so time grows with the length alone.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x80-\x9f]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]?"
)
_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# C0 but tab and line feed, DEL, C1, what turns the direction of writing, and byte order marks.
_CONTROLS = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)
_SURROGATES = re.compile(r"[\ud800-\udfff]")


def clean_and_cut(text: str, *, lines: bool = True) -> str:
    """A text without escape codes and control characters, of 4 KiB at most in UTF-8.

    Args:
        text: Untrusted text of any length.
        lines: Whether line breaks are kept; otherwise the result is one line without surrounding
            spaces.
    """
    cleaned = text[:_MAX_INPUT]
    if not (cleaned.isascii() and cleaned.isprintable()):
        cleaned = _LINE_ENDS.sub("\n", _ESCAPES.sub("", cleaned))
        cleaned = _SURROGATES.sub("\ufffd", _CONTROLS.sub("", cleaned))
    if not lines:
        cleaned = " ".join(cleaned.split())
    encoded = cleaned.encode()
    if len(encoded) <= MAX_BYTES and len(text) <= _MAX_INPUT:
        return cleaned
    return encoded[: MAX_BYTES - len(_CUT)].decode(errors="ignore") + _CUT


def without_controls(text: str) -> str:
    """A text without control characters, except tabs and line ends; the rest of escapes stays."""
    return text if text.isascii() and text.isprintable() else _CONTROLS.sub("", text)


def quoted(value: object) -> str:
    """The `repr` of a value, for a message of one line, cut if it is long."""
    if isinstance(value, str) and len(value) > _MAX_QUOTED:
        return f"{value[:_MAX_QUOTED]!r}{_CUT}"
    text = repr(value)
    return text if len(text) <= 2 * _MAX_QUOTED else f"{text[:_MAX_QUOTED]}{_CUT}"


def compiled(expression: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """Compile a regular expression of a configuration.

    Raises:
        ValueError: It is none, or it is nested too deeply, or its numbers are too large.
    """
    try:
        return re.compile(expression, flags)
    except (re.error, OverflowError) as error:
        raise ValueError(str(error)) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
