"""Which migrations are read, and which are still to be applied."""

from pathlib import Path

import pytest

from kaif.engines.database.migrations import Applied, Migration, MigrationRefused, pending, read_migrations

FIRST, SECOND = Migration(1, "a", "", "sum 1"), Migration(2, "b", "", "sum 2")


def test_migrations_are_read_in_order_and_the_dialects_own_variant_wins(tmp_path: Path) -> None:
    for name in ("0002_b.sql", "0001_a.sql", "0001_a.postgres.sql", "0010_c.sql", "0003_only.postgres.sql"):
        (tmp_path / name).write_text(name)

    assert [found.sql for found in read_migrations(tmp_path, "sqlite")] == ["0001_a.sql", "0002_b.sql", "0010_c.sql"]
    assert [found.sql for found in read_migrations(tmp_path, "postgres")] == [
        "0001_a.postgres.sql",
        "0002_b.sql",
        "0003_only.postgres.sql",
        "0010_c.sql",
    ]


def test_a_file_that_is_not_named_like_a_migration_is_refused(tmp_path: Path) -> None:
    (tmp_path / "2_b.sql").touch()

    with pytest.raises(MigrationRefused, match=r"2_b\.sql is not named like a migration"):
        read_migrations(tmp_path, "sqlite")


def test_only_what_was_not_applied_is_pending() -> None:
    assert pending("tea", [FIRST, SECOND], []) == [FIRST, SECOND]
    assert pending("tea", [FIRST, SECOND], [Applied(1, "sum 1")]) == [SECOND]
    assert pending("tea", [FIRST, SECOND], [Applied(1, "sum 1"), Applied(2, "sum 2")]) == []


def test_what_was_written_beside_a_later_one_is_pending_too() -> None:
    assert pending("tea", [FIRST, SECOND], [Applied(2, "sum 2")]) == [FIRST]


def test_a_changed_history_is_refused() -> None:
    with pytest.raises(MigrationRefused, match="tea 0001 was changed"):
        pending("tea", [FIRST, SECOND], [Applied(1, "another sum")])


def test_a_history_from_the_future_is_refused() -> None:
    with pytest.raises(MigrationRefused, match="newer version"):
        pending("tea", [FIRST], [Applied(1, "sum 1"), Applied(2, "sum 2")])
