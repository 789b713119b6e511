"""Backup and restore: one file that holds everything, made and put back while the server runs.

A restore never overwrites: the archive is unpacked beside the data and swapped in at a start, and
what was there before is kept.
"""

import asyncio
import contextlib
import gzip
import io
import os
import shutil
import tarfile
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

import kaif
from kaif.app.settings import Misconfigured
from kaif.engines.database import is_sound, open_database

PENDING = "restore-pending"
DATABASE = "kaif.db"
# What belongs to the data beside the database. Logs do not.
FOLDERS = ("secrets", "blobs", "mailbox")


class Manifest(msgspec.Struct, frozen=True):
    """The archive's first member."""

    product: str
    version: str
    made_at_s: int


def backup(data: Path, target: Path) -> int:
    """Write the archive; the target appears only when it is whole. Returns its size in bytes."""
    if not (data / DATABASE).exists():
        raise Misconfigured(f"There is no data in {data}.")
    with _beside(target) as unfinished:
        _write(data, unfinished)
        size = unfinished.stat().st_size
        unfinished.replace(target)
    return size


def _write(data: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as workplace:
        copy = Path(workplace) / DATABASE
        asyncio.run(_copy_database(data / DATABASE, copy))
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as archive:
                _add_manifest(archive)
                archive.add(copy, DATABASE)
                for folder in FOLDERS:
                    if (data / folder).is_dir():
                        _add_folder(archive, data / folder, folder)
            file.flush()
            os.fsync(file.fileno())


async def _copy_database(source: Path, target: Path) -> None:
    database = await open_database(f"sqlite:{source}")
    try:
        await database.backup(target)
    finally:
        await database.close()


def _add_folder(archive: tarfile.TarFile, source: Path, name: str) -> None:
    """Files come and go meanwhile: what goes was none of the database's any more, or not yet."""
    archive.add(source, name, recursive=False)
    for path in sorted(source.rglob("*")):
        with contextlib.suppress(FileNotFoundError):
            archive.add(path, f"{name}/{path.relative_to(source).as_posix()}", recursive=False)


def _add_manifest(archive: tarfile.TarFile) -> None:
    content = msgspec.json.encode(Manifest("kaif-ozero", kaif.__version__, int(time.time())))
    member = tarfile.TarInfo("manifest.json")
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def stage(data: Path, source: Path) -> None:
    """Check the archive and unpack it where the next start finds it. Raises Misconfigured."""
    data.mkdir(parents=True, exist_ok=True)
    if (data / PENDING).exists():
        raise Misconfigured("Another restored archive already waits for the next start.")
    with _beside(data / PENDING) as unfinished:
        try:
            _unpack(source, unfinished)
            manifest = msgspec.json.decode((unfinished / "manifest.json").read_bytes(), type=Manifest)
        except (OSError, tarfile.TarError, zlib.error, EOFError, msgspec.MsgspecError) as error:
            raise Misconfigured(f"{source} is not a whole backup of Kaif Ozero ({error}).") from error
        if manifest.product != "kaif-ozero" or not asyncio.run(is_sound(f"sqlite:{unfinished / DATABASE}")):
            raise Misconfigured(f"{source} is not a sound backup of Kaif Ozero.")
        unfinished.rename(data / PENDING)


def _unpack(source: Path, target: Path) -> None:
    with gzip.open(source) as content:
        with tarfile.open(fileobj=content, mode="r|") as archive:
            archive.extractall(target, filter=_ours)  # noqa: S202
        # The checksum stands at the very end, behind what tar reads.
        while content.read(1 << 20):
            pass
    for folder in FOLDERS:
        (target / folder).mkdir(mode=0o700, exist_ok=True)


def _ours(member: tarfile.TarInfo, target: str) -> tarfile.TarInfo | None:
    """A backup holds files and folders. A link, by which one could write elsewhere, is none of ours."""
    if not (member.isfile() or member.isdir()):
        raise tarfile.SpecialFileError(member)
    return tarfile.data_filter(member, target)


def swap_in_pending(data: Path) -> Path | None:
    """Put a staged archive in place; returns where the data that was there is kept, if one was staged."""
    pending = data / PENDING
    if not pending.exists():
        return None
    # Never the folder of another restore, whose files would be overwritten.
    kept = Path(tempfile.mkdtemp(prefix=f"before-restore-{int(time.time())}-", dir=data))
    # One by one, so that a swap that was interrupted goes on where it stopped.
    for name, *beside in ((DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"), *((folder,) for folder in FOLDERS)):
        if (pending / name).exists():
            for old in (*beside, name):
                if (data / old).exists():
                    (data / old).rename(kept / old)
            (pending / name).rename(data / name)
    shutil.rmtree(pending)
    return kept


@contextlib.contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A name beside the target, on the same disk, gone again unless it was renamed."""
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield unfinished
    finally:
        if unfinished.is_dir():
            shutil.rmtree(unfinished)
        else:
            unfinished.unlink(missing_ok=True)
