import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarnhub.base.units import MAX_MEMORY, MiB, format_memory, parse_duration, parse_memory


@pytest.mark.parametrize(
    ("written", "mib"),
    [
        (0, 0),
        (1024, 1024),
        (512.0, 512),
        (512.1, 513),
        ("1024", 1024),
        ("0.5", 1),
        ("1 b", 1),
        ("1048576 b", 1),
        ("1048577b", 2),
        ("1 G", 954),
        ("1g", 954),
        ("1 GB", 954),
        ("1 Gi", 1024),
        ("1 GiB", 1024),
        ("1.5 gib", 1536),
        ("2e9 b", 1908),
        ("1e3", 1000),
        ("2E3 MiB", 2000),
        ("1048.576 kB", 1),
        ("1024 k", 1),
        ("1024 kib", 1),
        ("1025 ki", 2),
        ("1 mb", 1),
        ("512 MB", 489),
        ("512 m", 489),
        ("512 mi", 512),
        ("1 tb", 953675),
        ("1 t", 953675),
        ("1 tib", 2**20),
        ("1 ti", 2**20),
        ("1 pb", 953674317),
        ("1 p", 953674317),
        ("1 pib", 2**30),
        ("1 pi", 2**30),
        ("  2   GiB ", 2048),
        (2**63 - 1, MAX_MEMORY),
        ("1e-999999999", 0),
    ],
)
def test_memory_is_read_in_whole_mib_rounded_up(written: str | float, mib: int) -> None:
    assert parse_memory(written) == mib


@pytest.mark.parametrize(
    "written", ["", "G", "GiB 1", "1 ex", "1 GG", "1 bb", "1 i", "1 0 G", "1,5 G", "nan"]
)
def test_nonsense_is_refused_with_the_accepted_forms(written: str) -> None:
    with pytest.raises(
        ValueError, match="is not a quantity of memory: write a number of MiB"
    ) as it:
        parse_memory(written)
    assert repr(written) in str(it.value)


@pytest.mark.parametrize("written", [-1, -0.5, "-1", "-1 GiB", "-inf"])
def test_negative_memory_is_refused(written: str | float) -> None:
    with pytest.raises(ValueError, match="memory cannot be negative"):
        parse_memory(written)


@pytest.mark.parametrize("written", [2**63, "1e30 pib", "inf", float("inf")])
def test_more_memory_than_yarn_counts_is_refused(written: str | float) -> None:
    with pytest.raises(ValueError, match="more memory than YARN can count"):
        parse_memory(written)


@pytest.mark.parametrize("written", ["1e999999999", "1e999999999 pb", float("nan")])
def test_an_extreme_number_ends_at_once(written: str | float) -> None:
    with pytest.raises(ValueError, match="memory"):
        parse_memory(written)


@pytest.mark.parametrize(
    ("mib", "written"),
    [
        (0, "0 MiB"),
        (1, "1 MiB"),
        (1023, "1023 MiB"),
        (1024, "1 GiB"),
        (1536, "1536 MiB"),
        (3 * 2**20, "3 TiB"),
        (2**30, "1 PiB"),
        (2**40, "1024 PiB"),
    ],
)
def test_memory_is_written_in_the_largest_whole_unit(mib: int, written: str) -> None:
    assert format_memory(MiB(mib)) == written


@given(
    st.integers(0, MAX_MEMORY).map(MiB) | st.integers(0, 2**33 - 1).map(lambda n: MiB(n * 2**30))
)
def test_what_is_written_is_read_back(memory: MiB) -> None:
    assert parse_memory(format_memory(memory)) == memory


@given(st.text("0123456789.e+-kmgtpib _", max_size=12) | st.text() | st.floats())
def test_anything_is_memory_or_a_value_error(written: str | float) -> None:
    with contextlib.suppress(ValueError):
        assert parse_memory(written) >= 0


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (0, 0),
        (90, 90),
        (1.5, 1.5),
        ("90", 90),
        ("90s", 90),
        (" 90 S ", 90),
        ("250 ms", 0.25),
        ("2m", 120),
        ("2 min", 120),
        ("1.5h", 5400),
        ("1h 30m", 5400),
        ("1d12h", 129600),
        ("1h30min15s", 5415),
    ],
)
def test_durations_are_seconds(written: str | float, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    "written", ["", "h", "1 y", "1 h x", "h1", "1,5 h", "1 s 2", "1:30", "-1 s", "1 hour", "1m-2s"]
)
def test_what_is_no_duration_is_refused_with_the_accepted_forms(written: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration: write .* such as '90 s' or '1h 30m'"):
        parse_duration(written)


@pytest.mark.parametrize("written", [-1, "-1", "nan", "inf", "1e99", "999999d", 2**31])
def test_a_duration_has_bounds(written: str | float) -> None:
    with pytest.raises(ValueError, match="a duration is from 0 to"):
        parse_duration(written)
