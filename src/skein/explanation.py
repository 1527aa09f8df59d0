"""What skein's users read of why an application is as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.client.explain.words import sentences, summary

if TYPE_CHECKING:
    from typing import Self

    from yarnhub.client.explain import explanation


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why an application is as it is.

    Attributes:
        id: The application's.
        state: YARN's word for it.
        summary: One sentence.
        reasons: More, each a sentence or two, the weightiest first.
        places: What runs where.
        starting: Containers whose nodes still fetch their files.
    """

    id: str
    state: str
    summary: str
    reasons: tuple[str, ...] = ()
    places: tuple[explanation.ContainerLocation, ...] = ()
    starting: tuple[str, ...] = ()

    @classmethod
    def of(cls, found: explanation.Explanation, *, logs: str) -> Self:
        """In words.

        Args:
            found: What was found out.
            logs: How to read its logs.
        """
        return cls(
            id=found.id,
            state=found.state.name,
            summary=summary(found),
            reasons=sentences(found, logs=logs),
            places=found.places,
            starting=found.starting,
        )
