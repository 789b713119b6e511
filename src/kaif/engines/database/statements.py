"""From portable SQL to each driver's placeholders, translated once per statement."""

import functools
import re

# A name after a colon, unless the colon is doubled (a PostgreSQL cast).
_PARAM = re.compile(r"(IN )?(?<!:):([a-z_][a-z0-9_]*)")


@functools.cache
def for_sqlite(sql: str) -> tuple[str, tuple[str, ...]]:
    """The statement, and the names whose lists must be given as JSON."""
    lists: list[str] = []

    def placeholder(found: re.Match[str]) -> str:
        if not found[1]:
            return f":{found[2]}"
        lists.append(found[2])
        return f"IN (SELECT value FROM json_each(:{found[2]}))"

    return _PARAM.sub(placeholder, sql), tuple(lists)


@functools.cache
def for_postgres(sql: str) -> tuple[str, tuple[str, ...]]:
    """The statement with `$1`…, and the parameters' names in that order."""
    names: list[str] = []

    def placeholder(found: re.Match[str]) -> str:
        if found[2] not in names:
            names.append(found[2])
        number = f"${names.index(found[2]) + 1}"
        return f"= ANY({number})" if found[1] else number

    return _PARAM.sub(placeholder, sql), tuple(names)
