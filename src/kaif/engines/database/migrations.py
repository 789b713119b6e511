"""Plain SQL files, numbered, forward only, checksummed."""

import hashlib
import re
from pathlib import Path

import msgspec

_NAME = re.compile(r"(\d{4})_(\w+)(?:\.(\w+))?\.sql")


class Migration(msgspec.Struct, frozen=True):
    number: int
    name: str
    sql: str
    checksum: str


class Applied(msgspec.Struct, frozen=True):
    number: int
    checksum: str


class MigrationRefused(Exception):
    """The database and this program do not fit; the message is a sentence for the operator."""


def read_migrations(folder: Path, dialect: str) -> list[Migration]:
    """The folder's migrations in order; `0002_x.postgres.sql` replaces `0002_x.sql` for that dialect."""
    chosen: dict[int, tuple[str, Path]] = {}
    for path in sorted(folder.glob("*.sql")):
        found = _NAME.fullmatch(path.name)
        if not found:
            raise MigrationRefused(f"{path.name} is not named like a migration (0001_name.sql).")
        number, name, only_for = int(found[1]), found[2], found[3]
        if only_for == dialect or (only_for is None and number not in chosen):
            chosen[number] = (name, path)
    return [_read(number, name, path) for number, (name, path) in sorted(chosen.items())]


def pending(service: str, known: list[Migration], applied: list[Applied]) -> list[Migration]:
    """What is still to be applied. Raises MigrationRefused when history was changed or comes from the future."""
    checksums = {migration.number: migration.checksum for migration in known}
    for done in applied:
        if done.number not in checksums:
            raise MigrationRefused(
                f"The data was written by a newer version of Kaif Ozero ({service} {done.number:04}): "
                "upgrade the program."
            )
        if done.checksum != checksums[done.number]:
            raise MigrationRefused(f"Migration {service} {done.number:04} was changed after it had been applied.")
    # Not only those behind the last one: what was written beside a later one may arrive after it.
    numbers = {done.number for done in applied}
    return [migration for migration in known if migration.number not in numbers]


def _read(number: int, name: str, path: Path) -> Migration:
    sql = path.read_text(encoding="utf-8")
    return Migration(number, name, sql, hashlib.sha256(sql.encode()).hexdigest())
