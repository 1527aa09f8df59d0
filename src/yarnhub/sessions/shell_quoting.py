"""Whether a quoted value is exactly one word at a place in shell text; no I/O."""

from __future__ import annotations

PLACE = "\0"
"""Marks the place of the value; cannot occur in shell text."""

_NO_WORDS = ("<<", "((", "$[")
"""After these, quotes have a different meaning, or none."""
_COMMENT_BEGINS = " \t\n;&|()<>"
"""Characters before a `#` that begins a comment."""


def why_unsafe(text: str, name: str = "value") -> str:
    """Why a quoted value would not be one word there; empty if it would.

    Args:
        text: The text, with `PLACE` at the place of the value.
        name: The name of the value, which the author writes between braces.
    """
    before = text[: text.rfind(PLACE) + 1]
    if any(each in before for each in _NO_WORDS):
        return "it cannot be quoted after <<, (( or $[: assign it to a variable before that"
    inside = _Inside()
    at = 0
    while at < len(before):
        if before[at] == PLACE and inside.quotes:
            around = inside.quotes[-1]
            return f"write {{{name}}} without {around} around it: it is quoted for the shell"
        if before.startswith(f"\\{PLACE}", at) and inside.escapes:
            return f"write {{{name}}} without \\ before it: it is quoted for the shell"
        if before[at] == "#" and inside.may_comment:
            if before[:at].endswith((")", "\\\n")):
                return "write a space before each #, and no \\ at the end of the previous line"
            if at == 0 or before[at - 1] in _COMMENT_BEGINS:
                at = before.find("\n", at)
                if at < 0:
                    break
                continue
        at += inside.pass_over(before, at)
    return ""


class _Inside:
    """The constructs that are open at a place: quotes, and expansions that can contain quotes."""

    def __init__(self) -> None:
        self._open: list[str] = []

    @property
    def quotes(self) -> list[str]:
        """The open constructs that would change a quoted word: all except parentheses."""
        return [each for each in self._open if each != "("]

    @property
    def _last(self) -> str:
        return self._open[-1] if self._open else ""

    @property
    def escapes(self) -> bool:
        """Whether a backslash escapes the next character."""
        return self._last != "'"

    @property
    def may_comment(self) -> bool:
        """Whether a comment may begin here."""
        return not self.quotes

    def pass_over(self, text: str, at: int) -> int:
        """Record what is opened or closed at a place; returns its length."""
        two, letter = text[at : at + 2], text[at]
        if letter == "\\" and self.escapes:
            return 2
        if self._last in ("'", "$'"):
            if letter == "'":
                self._open.pop()
            return 1
        if letter == '"':
            self._toggle('"')
        elif letter == "`":
            self._toggle("`")
        elif two == "$$":
            return 2
        elif two in ("$(", "${"):
            self._open.append(two[1])
            return 2
        elif self._last != '"':
            return self._pass_over_words(two)
        return 1

    def _pass_over_words(self, two: str) -> int:
        letter = two[0]
        if two == "$'":
            self._open.append(two)
            return 2
        if letter in ("'", "("):
            self._open.append(letter)
        elif self._last + letter in ("()", "{}"):
            self._open.pop()
        return 1

    def _toggle(self, quote: str) -> None:
        """Open or close a quote; a closing backquote also closes everything that is open in it."""
        if self._last == quote:
            self._open.pop()
        elif quote == "`" and quote in self._open:
            del self._open[self._open.index(quote) :]
        else:
            self._open.append(quote)
