from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarnhub.base.foreign_text import clean_and_cut, compiled, without_controls

UNWANTED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("", ""),
        ("Größe: 5 €\n\tat x.Y", "Größe: 5 €\n\tat x.Y"),
        ("\x1b[31mred\x1b[0m \x1b[2J\x1b[Hgone", "red gone"),
        ("\x9b31mred", "red"),
        ("\x1b]0;title\x07text \x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "text link"),
        ("\x1b]0;never ended", "0;never ended"),
        ("\x1bPdevice\x1b\\ \x1bc\x1b(Bplain\x1b", " plain"),
        ("a\x00b\x08c\x7fd", "abcd"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("\u202egnp.exe", "gnp.exe"),
        ("half \ud800 a pair", "half \ufffd a pair"),
    ],
)
def test_what_is_left(text: str, cleaned: str) -> None:
    assert clean_and_cut(text) == cleaned


def test_one_line() -> None:
    assert clean_and_cut(" a\n\tb\x1b[K\r\nc ", lines=False) == "a b c"


def test_lines_stay_as_they_are_without_control_characters() -> None:
    assert without_controls("a\tb\r\n\x1b[31mc\u202ed\x00") == "a\tb\r\n[31mcd"


def test_what_is_too_long_is_cut_between_characters() -> None:
    assert clean_and_cut("x" * 4096) == "x" * 4096
    assert clean_and_cut("x" * 4097) == "x" * 4093 + "..."
    cut = clean_and_cut("€" * 5_000_000)
    assert cut == "€" * 1364 + "..."
    assert clean_and_cut("\x00" * 5_000_000) == "..."


@pytest.mark.parametrize("part", ["\x1b]", "\x1b[", "\x9d", "\x1b[0", "\x1b]0;", "\x1b(", "\r"])
def test_nothing_makes_it_slow(part: str) -> None:
    began = time.thread_time()
    clean_and_cut(part * 2_000_000)
    assert time.thread_time() - began < 0.5


@given(st.text(st.characters(codec=None)))
def test_nothing_unwanted_is_ever_left_and_twice_is_once(text: str) -> None:
    cleaned = clean_and_cut(text)
    assert UNWANTED.search(cleaned) is None
    assert len(cleaned.encode()) <= 4096
    assert clean_and_cut(cleaned) == cleaned
    assert "\n" not in clean_and_cut(text, lines=False)


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("(", "unterminated"),
        ("(" * 5000 + ")" * 5000, "nested too deeply"),
        ("a{99999999999999999999}", "repetition number is too large"),
    ],
)
def test_a_regular_expression_that_cannot_be_used_is_refused(expression: str, reason: str) -> None:
    assert compiled("a+").fullmatch("aa")
    with pytest.raises(ValueError, match=reason):
        compiled(expression)
