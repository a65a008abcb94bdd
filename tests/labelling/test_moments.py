"""Times of annotations, as tools spell them, are moments that can be compared."""

import pytest

from src.labelling.moments import moment

NOON = "2026-01-31T12:00:00+00:00"


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-31T12:00:00Z",
        "2026-01-31T13:00:00+01:00",
        "2026-01-31 12:00:00",
        "2026-01-31 12:00:00 UTC",
        "2026-01-31 12:00:00 GMT",
        "Sat, 31 Jan 2026 12:00:00 +0000",
        "2026/01/31 12:00:00",
        "31.01.2026 12:00:00",
        "Sat Jan 31 12:00:00 2026",
        1769860800,
        1769860800000,
    ],
)
def test_spellings_of_one_moment(value):
    assert moment(value) == moment(NOON) is not None


def test_fractions_and_zones_decide():
    assert moment("2026-01-31T12:00:00.5Z") > moment("2026-01-31T12:00:00.25Z") > moment(NOON)
    assert moment("2026-01-31T12:30:00+02:00") < moment(NOON)


@pytest.mark.parametrize(
    "value", ["yesterday", "", None, True, [2026], 20260131, "2026-01-31 12:00:00 EST", float("nan"), 1e300]
)
def test_what_is_no_moment_or_of_an_unknown_zone(value, monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")  # whose abbreviations Python would understand, without their zone
    assert moment(value) is None
