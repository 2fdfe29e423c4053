"""How units are written for people."""

import math

import pytest

from tuitrain.units import (
    format_bytes,
    format_duration,
    format_number,
    format_percent,
    format_power,
)


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (11.2 * 2**30, "11.2 GiB"),
        (3 * 2**50, "3072.0 TiB"),
    ],
)
def test_a_size_gets_a_binary_prefix(size_bytes, text):
    assert format_bytes(size_bytes) == text


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [
        (0, "00:00"),
        (59.6, "01:00"),
        (192, "03:12"),
        (3723, "1:02:03"),
        (-5, "00:00"),
        (360000, "100:00:00"),
    ],
)
def test_a_duration_reads_like_a_clock(duration_s, text):
    assert format_duration(duration_s) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.01, "1e-2"),
        (0.0, "0"),
        (0.0033, "3.3e-3"),
        (1.0, "1e0"),
        (0.1 / 3, "3.3e-2"),
        (math.inf, "Inf"),
        (math.nan, "NaN"),
    ],
)
def test_a_hyperparameter_is_written_as_a_power_of_ten(value, text):
    assert format_power(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (math.nan, "NaN"),
        (math.inf, "Inf"),
        (-math.inf, "-Inf"),
        (2.302585, "2.303"),
        (1e-9, "1e-09"),
        (0, "0"),
    ],
)
def test_a_number_has_at_most_four_digits_and_unknown_is_a_dash(value, text):
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, "–"), (0.912, "91.2 %"), (1.0, "100.0 %"), (math.nan, "NaN")],
)
def test_a_share_is_written_in_percent(share, text):
    assert format_percent(share) == text
