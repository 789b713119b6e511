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

    return _PARAM.sub(placeholder, sql).replace(" FOR UPDATE", ""), tuple(dict.fromkeys(lists))


@functools.cache
def for_sqlite_rows(sql: str) -> str:
    """The statement with `?1`… in the order in which the names first appear."""
    places: dict[str, int] = {}
    return _PARAM.sub(lambda found: f"?{places.setdefault(found[3], len(places) + 1)}", sql)


@functools.cache
def insert_for_sqlite(table: str, columns: tuple[str, ...]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


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


@functools.cache
def update_for_postgres(sql: str, types: tuple[str, ...]) -> str:
    """An UPDATE of one row as one statement for many: each parameter is an array, a column of the rows."""
    names: dict[str, int] = {}

    def column(found: re.Match[str]) -> str:
        return f"given.p{names.setdefault(found[3], len(names) + 1)}"

    head, where, tail = _PARAM.sub(column, sql).partition("WHERE ")
    assert where, "an UPDATE of rows names them"
    arrays = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(types, 1))
    columns = ", ".join(f"p{place}" for place in range(1, len(types) + 1))
    return f"{head}FROM unnest({arrays}) AS given({columns}) WHERE {tail}"
