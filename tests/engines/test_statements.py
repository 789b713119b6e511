"""Portable SQL as each driver wants it."""

from kaif.engines.database.statements import for_postgres, for_sqlite


def test_a_name_used_twice_is_one_parameter() -> None:
    statement = for_postgres("SELECT :b, :a, :b")

    assert statement.sql == "SELECT $1, $2, $1"
    assert statement.arguments({"a": 1, "b": 2}) == [2, 1]


def test_a_cast_is_no_parameter() -> None:
    assert for_postgres("SELECT now()::text, :a::bigint").sql == "SELECT now()::text, $1::bigint"


def test_a_list_is_one_parameter() -> None:
    sql = "DELETE FROM t WHERE a = :a AND id IN :ids"

    assert for_postgres(sql).sql == "DELETE FROM t WHERE a = $1 AND id = ANY($2)"
    assert for_sqlite(sql) == (
        "DELETE FROM t WHERE a = :a AND id IN (SELECT value FROM json_each(:ids))",
        ("ids",),
    )


def test_a_list_of_pairs_is_one_array_for_each_column() -> None:
    statement = for_postgres("SELECT 1 FROM t WHERE x = :x AND (a, b) IN :pairs AND y = :y")

    assert statement.sql == (
        "SELECT 1 FROM t WHERE x = $1 AND (a, b) IN (SELECT * FROM unnest($2::text[], $3::text[])) AND y = $4"
    )
    assert statement.arguments({"x": 1, "pairs": [("a", "b"), ("c", "d")], "y": 2}) == [1, ["a", "c"], ["b", "d"], 2]


def test_row_locks_are_for_databases_with_more_than_one_writer() -> None:
    assert for_sqlite("SELECT 1 FROM t FOR UPDATE")[0] == "SELECT 1 FROM t"
    assert for_postgres("SELECT 1 FROM t FOR UPDATE").sql == "SELECT 1 FROM t FOR UPDATE"
