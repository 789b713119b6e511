"""How often something may be done."""

import msgspec


class Limit(msgspec.Struct, frozen=True):
    """For one account, or one address where nobody is signed in: a steady rate and a burst."""

    name: str
    per_minute: int
    burst: int
