"""Backup and restore: one file that holds everything, made and put back while the server runs.

A restore never overwrites: the archive is unpacked beside the data and swapped in at a start, and
what was there before is kept.
"""

import asyncio
import contextlib
import fcntl
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
from typing import IO, cast

import msgspec

import kaif
from kaif.app.settings import Misconfigured, Settings
from kaif.engines.database import is_sound, open_database

PENDING = "restore-pending"
DATABASE = "kaif.db"
# What belongs to the data beside the database. Logs do not.
CONTENT = "blobs"
OTHER_FOLDERS = ("secrets", "mailbox")
FOLDERS = (*OTHER_FOLDERS, CONTENT)
COMPRESSION = 6
# Within the data, since only there its content can have a second name.
WORKPLACE = "backup-under-way"


class Manifest(msgspec.Struct, frozen=True):
    """The archive's first member."""

    product: str
    version: str
    made_at_s: int


class Backup(msgspec.Struct, frozen=True):
    """What a backup came to."""

    size: int
    # What belongs to the installation and lies elsewhere: as sentences for the operator.
    left_out: list[str]


def backup(settings: Settings, target: Path) -> Backup:
    """Write the archive of the data folder; the target appears only when it is whole. Raises Misconfigured."""
    data = settings.data
    if not settings.database_url.startswith("sqlite:"):
        raise Misconfigured("The database is PostgreSQL: save it by its own tools (docs/operating.md).")
    if not (data / DATABASE).exists():
        raise Misconfigured(f"There is no data in {data}.")
    with _beside(target) as unfinished:
        _write(data, unfinished)
        size = unfinished.stat().st_size
        unfinished.replace(target)
    return Backup(size, _left_out(settings))


def _left_out(settings: Settings) -> list[str]:
    left_out = []
    if not _is_within(settings.blobs_url, settings.data / "blobs"):
        left_out.append(f"The content of files lies in {settings.blobs_url.partition('?')[0]}: copy it now.")
    if not _is_within(settings.media_keys_url, settings.data / "secrets"):
        left_out.append("The master keys of files are where KAIF_MEDIA_KEYS says: without them no file can be read.")
    return left_out


def _is_within(url: str, folder: Path) -> bool:
    scheme, _, path = url.partition(":")
    return scheme == "file" and Path(path).resolve().is_relative_to(folder.resolve())


def _write(data: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as beside, _workplace(data) as workplace:
        copy = Path(beside) / DATABASE
        asyncio.run(_copy_database(data / DATABASE, copy))
        content = _pinned(data / CONTENT, workplace / CONTENT)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            zipped = Zipped(file)
            with tarfile.open(fileobj=cast("IO[bytes]", zipped), mode="w") as archive:
                _add_manifest(archive)
                archive.add(copy, DATABASE)
                for folder in OTHER_FOLDERS:
                    _add_folder(archive, data / folder, folder)
                # What is sealed can't be made smaller, only slower to save.
                zipped.compress(0)
                _add_folder(archive, content, CONTENT)
            zipped.close()
            file.flush()
            os.fsync(file.fileno())


class Zipped:
    """A file of gzip whose compression changes on the way: each level begins another member (RFC 1952, 2.2)."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._written = file, 0
        self._member = self._begun(COMPRESSION)

    def compress(self, level: int) -> None:
        self._member.close()
        self._member = self._begun(level)

    def _begun(self, level: int) -> gzip.GzipFile:
        return gzip.GzipFile(filename="", fileobj=self._file, mode="wb", compresslevel=level)

    def write(self, content: bytes) -> int:
        self._written += len(content)
        return self._member.write(content)

    def tell(self) -> int:
        return self._written

    def close(self) -> None:
        self._member.close()


@contextlib.contextmanager
def _workplace(data: Path) -> Iterator[Path]:
    """For one backup at a time, which takes away what one that was killed has left."""
    place = data / WORKPLACE
    place.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(place, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for left in place.iterdir():
            shutil.rmtree(left)
        yield place
        shutil.rmtree(place)
    except BlockingIOError as error:
        raise Misconfigured(f"Another backup of {data} is being made.") from error
    finally:
        os.close(descriptor)


def _pinned(source: Path, beside: Path) -> Path:
    """The same files by names of our own, under which they stay however long the archive takes.

    Content that nobody needs any more is kept for an hour only. Where the file system has no links: the source.
    """
    if not source.is_dir():
        return source
    try:
        shutil.copytree(source, beside, copy_function=_link)
    except shutil.Error:
        return source
    return beside


def _link(source: str, target: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.link(source, target)


async def _copy_database(source: Path, target: Path) -> None:
    database = await open_database(f"sqlite:{source}")
    try:
        await database.backup(target)
    finally:
        await database.close()


def _add_folder(archive: tarfile.TarFile, source: Path, name: str) -> None:
    """Files come and go meanwhile: what goes was none of the database's any more, or not yet."""
    if not source.is_dir():
        return
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
