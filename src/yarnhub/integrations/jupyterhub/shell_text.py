"""Texts of shell in which a quoted value shall stand, as one word and nothing else; no I/O."""

from __future__ import annotations

import re

PLACE = "\0"
"""Stands where the value shall: no text of shell holds it."""

_WORD_BEGINS = re.compile(r"[\s;&|(]")


def why_unsafe(text: str) -> str:
    """Why a quoted value would not be one word there; empty if it would.

    Args:
        text: With `PLACE` where the value shall stand.
    """
    before = text[: text.rfind(PLACE) + 1]
    if "<<" in before or "((" in before:
        return "it cannot be quoted behind << or ((: put it into a variable before that"
    quote = ""
    at = 0
    while at < len(before):
        letter = before[at]
        if letter == PLACE and quote:
            return f"write {{value}} without {quote} around it: it is quoted for the shell"
        if letter == "\\" and quote != "'":
            at += 1
            if before[at : at + 1] == PLACE:
                return "write {value} without \\ before it: it is quoted for the shell"
        elif quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"`":
            quote = letter
        elif letter == "#" and (at == 0 or _WORD_BEGINS.match(before[at - 1])):
            at = before.find("\n", at)
            if at < 0:
                break
        at += 1
    return ""
