"""Two weeks in the life of some thirty people, told into a fresh data folder.

What they write stands in `stories`, as people write it; `script` reads it, `calendar` says when it was, and `telling`
does it by the same use cases as any client. Only the clock is another one: the stories' own, which ends at this moment.
"""
