"""What a database does with batches, in memory: `database/test_usage.py` compares both."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnhub.watch.ledger import Amount, Ledger, Stored
from yarnhub.yarn.records.resources import MEMORY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.watch.ledger import Batch
    from yarnhub.watch.table import Row
    from yarnhub.watch.usage import Gap


@dataclass
class Books:
    """The stored batches."""

    stored: Stored = field(default_factory=Stored)
    amounts: Counter[Amount] = field(default_factory=Counter)
    gaps: list[Gap] = field(default_factory=list)

    def store(self, batch: Batch) -> bool:
        if batch.name == self.stored.batch:
            return True
        if batch.previous != self.stored.batch:
            return False
        self.amounts.update(batch.increases)
        self.gaps += batch.gaps
        counted = {**self.stored.counted, **batch.counted}
        self.stored = Stored(
            batch=batch.name,
            first=batch.first,
            last=batch.last,
            settled=batch.settled,
            counted={k: v for k, v in counted.items() if k not in batch.forgotten},
            groups=self.stored.groups | {each.group for each in batch.increases},
        )
        return True

    def total(self, measure: str = MEMORY) -> int:
        return sum(n for each, n in self.amounts.items() if each.measure == measure)


def observe(ledger: Ledger, looked: int, *rows: Row) -> None:
    """Observe a whole table."""
    for _ in ledger.observe(rows, looked):
        pass


def batch_of(ledger: Ledger, name: str, looked: int, *rows: Row) -> Batch:
    """The next batch, after a whole table was observed."""
    observe(ledger, looked, *rows)
    batch = ledger.batch(name)
    assert batch is not None
    return batch


def recorded(*looks: tuple[int, Iterable[Row]]) -> Books:
    """What is stored after some looks."""
    books = Books()
    ledger = Ledger(books.stored)
    for looked, rows in looks:
        observe(ledger, looked, *rows)
    store(ledger, books)
    return books


def store(ledger: Ledger, books: Books) -> None:
    """Store all that waits."""
    name = f"after {books.stored.batch}"
    while (batch := ledger.batch(name := f"{name}+")) is not None:
        assert books.store(batch)
        ledger.stored()
