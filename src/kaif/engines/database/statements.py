"""From portable SQL to each driver's placeholders, translated once per statement."""

import functools
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

# A name after a colon, unless the colon is doubled (a PostgreSQL cast); a list after IN, and before that
# perhaps several columns in parentheses, when the list is one of tuples.
_PARAM = re.compile(r"(?:(\([a-z_., ]+\) )?(IN ))?(?<!:):([a-z_][a-z0-9_]*)")


@functools.cache
def for_sqlite(sql: str) -> tuple[str, tuple[str, ...]]:
    """The statement, and the names whose lists must be given as JSON. One writer needs no row locks."""
    lists: list[str] = []

    def placeholder(found: re.Match[str]) -> str:
        columns, is_list, name = found.groups()
        if not is_list:
            return f":{name}"
        lists.append(name)
        values = ", ".join(f"value ->> {index}" for index in range(columns.count(",") + 1)) if columns else "value"
        return f"{columns or ''}IN (SELECT {values} FROM json_each(:{name}))"

    return _PARAM.sub(placeholder, sql).replace(" FOR UPDATE", ""), tuple(lists)


class PostgresStatement(NamedTuple):
    sql: str
    names: tuple[str, ...]
    # A list of n-tuples travels as n arrays, one for each column.
    columns: tuple[int, ...]

    def arguments(self, params: Mapping[str, Any]) -> list[Any]:
        values: list[Any] = []
        for name, columns in zip(self.names, self.columns, strict=True):
            if columns:
                values += [[row[index] for row in params[name]] for index in range(columns)]
            else:
                values.append(params[name])
        return values


@functools.cache
def for_postgres(sql: str) -> PostgresStatement:
    places: dict[str, int] = {}
    widths: dict[str, int] = {}

    def placeholder(found: re.Match[str]) -> str:
        columns, is_list, name = found.groups()
        if name not in places:
            places[name] = 1 + sum(width or 1 for width in widths.values())
            widths[name] = columns.count(",") + 1 if columns else 0
        first = places[name]
        if columns:
            arrays = ", ".join(f"${first + index}::text[]" for index in range(widths[name]))
            return f"{columns}IN (SELECT * FROM unnest({arrays}))"
        return f"= ANY(${first})" if is_list else f"${first}"

    translated = _PARAM.sub(placeholder, sql)
    return PostgresStatement(translated, tuple(places), tuple(widths.values()))
