"""Money: exact, and strict about what is an amount."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaif.kernel.errors import Invalid
from kaif.kernel.money import Asset, format_amount, parse_amount

TON = Asset("TON", 9)
YEN = Asset("JPY", 0)

assets = st.builds(Asset, code=st.just("X"), decimals=st.integers(0, 36))


@given(asset=assets, amount_units=st.integers(0, 10**90))
def test_an_amount_reads_back_as_it_was_written(asset: Asset, amount_units: int) -> None:
    text = format_amount(amount_units, asset)
    if len(text.partition(".")[0]) <= 60:
        assert parse_amount(text, asset) == amount_units


@given(asset=assets, amount_units=st.integers(-(10**60), 10**60))
def test_the_text_is_the_exact_decimal_number(asset: Asset, amount_units: int) -> None:
    text = format_amount(amount_units, asset)

    assert Decimal(text) == Decimal(f"{amount_units}E-{asset.decimals}")
    assert "e" not in text.lower()
    assert not (text.endswith("0") and "." in text) and not text.endswith(".")


@given(asset=assets, text=st.text("0123456789.-+eE_ ٣", max_size=12))
def test_any_text_is_an_amount_or_invalid(asset: Asset, text: str) -> None:
    try:
        amount_units = parse_amount(text, asset)
    except Invalid:
        return
    assert Decimal(amount_units) == Decimal(text).scaleb(asset.decimals)


@pytest.mark.parametrize(
    ("text", "asset", "amount_units"),
    [
        ("17.2", TON, 17_200_000_000),
        ("0.000000001", TON, 1),
        ("0", YEN, 0),
        ("1000", YEN, 1000),
        ("5.10", TON, 5_100_000_000),
    ],
)
def test_amounts_become_units(text: str, asset: Asset, amount_units: int) -> None:
    assert parse_amount(text, asset) == amount_units


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "-1", "+1", "1e3", "1E-3", ".5", "5.", "01", "00", "1,5", "1_000", "NaN", "Infinity", "0x10", "１",
     "٣", "1.0000000001", "1\n", "9" * 61],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_amount(text, TON)


def test_an_asset_without_decimals_takes_no_fraction() -> None:
    with pytest.raises(Invalid):
        parse_amount("1.0", YEN)


@pytest.mark.parametrize(
    ("amount_units", "asset", "text"),
    [(-17_200_000_000, TON, "-17.2"), (-1, TON, "-0.000000001"), (0, TON, "0"), (10**9, TON, "1"), (-5, YEN, "-5")],
)
def test_amounts_are_written_as_short_as_they_can_be(amount_units: int, asset: Asset, text: str) -> None:
    assert format_amount(amount_units, asset) == text
