"""The watch through any history of the cluster."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from appmaster.clock import instant
from watch.fake_resource_manager import FakeResourceManager
from watch.world import DOWN, World

if TYPE_CHECKING:
    from yarnhub.base.errors import YarnhubError

EVENTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["submit", "brief", "run", "use", "stamp", "end", "end", "forget", "tick", "restart"]
        ),
        st.integers(0, 30),
    ),
    max_size=4,
)


@dataclass
class Living(FakeResourceManager):
    """Applications go on between any two calls."""

    history: list[list[tuple[str, int]]] = field(default_factory=list)

    def _call(self, request: object) -> None:
        for event in self.history.pop(0) if self.history else ():
            self.play(*event)
        super()._call(request)

    def play(self, event: str, choice: int) -> None:
        reports = self.applications
        open_ones = [each for each in reports if not reports[each].yarn_application_state.ended]
        ended = [each for each in reports if reports[each].yarn_application_state.ended]
        match event:
            case "submit":
                self.submit()
            case "brief":
                self.stamp(self.submit())
            case "tick":
                self.now += choice % 3
            case "restart" if choice < 5:
                self.restart()
            case "forget" if ended:
                self.forget(ended[0])
            case "run" | "use" | "stamp" | "end" if open_ones:
                number = open_ones[choice % len(open_ones)]
                match event:
                    case "run":
                        self.run(number)
                    case "use":
                        self.use(number, choice)
                    case "stamp":
                        self.stamp(number)
                    case _:
                        self.end(number)
            case _:
                pass


@instant
async def test_an_end_after_a_later_one_of_an_application_that_was_never_seen_open() -> None:
    # Both are submitted after the open applications were listed, and end before the next look.
    brief = [("brief", 0), ("tick", 2), ("submit", 0), ("end", 1)]
    manager = Living(history=[[], [], brief, [("end", 0)]])
    manager.end(manager.submit())
    world = World(manager)
    async with world.running():
        assert len(world.table) == 2
        await world.look(2)
        world.check()


@given(
    before=EVENTS,
    history=st.lists(EVENTS, max_size=25),
    errors=st.lists(st.sampled_from([None, None, None, DOWN]), max_size=25),
    limit=st.integers(2, 6),
)
def test_any_history_ends_in_the_same_table_as_a_full_listing(
    before: list[tuple[str, int]],
    history: list[list[tuple[str, int]]],
    errors: list[YarnhubError | None],
    limit: int,
) -> None:
    @instant
    async def play() -> None:
        manager = Living(history=history, errors=errors)
        manager.submit()
        for event in before:
            manager.play(*event)
        world = World(manager, limit=limit)
        async with world.running():
            while manager.history or manager.errors:
                await world.look()
            # Nothing happens now, and one look may have been too early for the last event.
            await world.look(2)
            world.check()

    play()
