"""How every parser is tried: with bytes of any kind, and with what it reads, damaged.

In CI each run tries the same, since a seed is fixed; `./test faults` takes a random one, tries many
times as much, and prints it: `YARNHUB_FUZZ_SEED=<seed> pytest tests/fuzz` tries that again.
"""

from __future__ import annotations

import os
import time
import tracemalloc
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

SEED = os.environ.get("YARNHUB_FUZZ_SEED")  # noqa: TID251  # what the tests are run with
EXAMPLES = 1_000 if SEED else 100
SECONDS, MEMORY = 5.0, 64 << 20
"""Processor time and memory that one document may take; a parser needs milliseconds."""
LONGEST_WORDS = 5_000
_LONGEST = 400
_REPEATED = 3_000


def fuzz(test: Callable[..., None]) -> Callable[..., None]:
    """Try a property of Hypothesis's as this folder does."""
    tried = settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=SEED is None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )(test)
    return seed(int(SEED))(tried) if SEED else tried


@dataclass(frozen=True)
class Parser:
    """A parser, and what it may raise.

    Attributes:
        name: For the test's name.
        parse: Takes what came; an error of another class is a fault.
        errors: What it refuses with.
        samples: What it reads without an error.
        words: Parts of what it reads, which random bytes hardly ever hit.
    """

    name: str
    parse: Callable[[bytes], object]
    errors: tuple[type[Exception], ...]
    samples: tuple[bytes, ...] = ()
    words: tuple[bytes, ...] = field(default=(b"\0", b"\xff", b"\n"))

    def __str__(self) -> str:
        return self.name

    def contents(self) -> st.SearchStrategy[bytes]:
        """Bytes of any kind, parts in any order, and samples with some damage."""
        parts = st.lists(st.sampled_from(self.words) | st.binary(max_size=4), max_size=40)
        kinds = [st.binary(max_size=_LONGEST), parts.map(b"".join)]
        if self.samples:
            kinds.append(st.builds(_damaged, st.sampled_from(self.samples), st.lists(self._cuts())))
        return st.one_of(kinds)

    def _cuts(self) -> st.SearchStrategy[tuple[float, float, bytes, int]]:
        where = st.floats(0, 1)
        number = st.integers(0, 2**32 - 1).map(lambda each: each.to_bytes(4, "big"))
        what = st.sampled_from(self.words) | st.binary(max_size=8) | number
        times = st.sampled_from((0, 1, 1, 1, 2, _REPEATED))
        return st.tuples(where, where, what, times)


def _damaged(sample: bytes, cuts: list[tuple[float, float, bytes, int]]) -> bytes:
    """A sample in which something is left out, put in or repeated, wherever."""
    for start, length, what, times in cuts[:5]:
        at = int(start * len(sample))
        end = at + int(length**4 * (len(sample) - at))  # short ones mostly
        sample = (sample[:at] + what * times + sample[end:])[: 1 << 20]
    return sample


def try_on(parser: Parser, content: bytes) -> None:
    """The parser takes it, or refuses it in words: soon, and in little memory."""
    said = "read"
    began = time.process_time()
    tracemalloc.start()
    try:
        parser.parse(content)
    except parser.errors as error:
        said = str(error)
    finally:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert 0 < len(said) < LONGEST_WORDS, "it is told in words, and not by all that came"
    assert most < MEMORY, f"it took {most >> 20} MiB"
    assert time.process_time() - began < SECONDS


json_values: st.SearchStrategy[object] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(("", "0", "1 GiB", "${a}", "\ud800", "é", "x" * 70_000)),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=25,
)
"""All that a document can hold."""
