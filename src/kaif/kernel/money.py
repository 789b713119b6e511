"""Money: whole numbers of an asset's smallest unit inside, decimal strings outside, never a float."""

import re

import msgspec

from kaif.kernel.errors import Invalid

_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,59})(?:\.([0-9]{1,36}))?")


class Asset(msgspec.Struct, frozen=True):
    """What is counted: a code such as "TON" and how many decimals its smallest unit has."""

    code: str
    decimals: int


class BadAmount(Invalid):
    code = "bad_amount"
    detail = "The amount is not a decimal number that this asset can hold."


def parse_amount(text: str, asset: Asset) -> int:
    """ "17.2" of an asset with nine decimals is 17_200_000_000 units; signs, exponents and extra digits are refused."""
    found = _DECIMAL.fullmatch(text)
    if not found:
        raise BadAmount
    whole, fraction = found[1], found[2] or ""
    if len(fraction) > asset.decimals:
        raise BadAmount
    return int(whole + fraction.ljust(asset.decimals, "0"))


def format_amount(amount_units: int, asset: Asset) -> str:
    """The shortest decimal string that parses back to the same units."""
    sign = "-" if amount_units < 0 else ""
    whole, fraction = divmod(abs(amount_units), 10**asset.decimals)
    digits = str(fraction).rjust(asset.decimals, "0").rstrip("0") if fraction else ""
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"
