"""The data folder: one process at a time, secrets readable by nobody else."""

import fcntl
import os
import secrets
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from kaif.app.settings import MEDIA_KEYS, Misconfigured, Settings
from kaif.engines.keys.ring import new_key
from kaif.services.auth.tokens import new_signing_key

_SIGNING_KEY, _AUDIT_KEY = "signing-key.json", "audit-key"


class Running(msgspec.Struct, frozen=True):
    """Who holds the folder; other commands find the server by it."""

    pid: int
    url: str = ""


class DataFolder:
    def __init__(self, path: Path) -> None:
        """Make the folder and take it. Raises Misconfigured when that can't be."""
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(path / "kaif.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Misconfigured(f"The data folder {path} can't be used: {error.strerror}.") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = running(path)
            whose = f" by process {holder.pid}" if holder else ""
            os.close(self._lock)
            raise Misconfigured(f"The data folder {path} is already in use{whose}.") from None

    def settings(self, settings: Settings) -> Settings:
        """With the keys that the folder keeps, where none are given."""
        return msgspec.structs.replace(
            settings,
            signing_key=settings.signing_key or self.signing_key(),
            audit_key=settings.audit_key or self.audit_key(),
            push_key=settings.push_key or self.push_key(),
        )

    def announce(self, url: str) -> None:
        content = msgspec.json.encode(Running(os.getpid(), url))
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, content, 0)

    def signing_key(self) -> str:
        """The key of access tokens, made at the first start."""
        return secret_file(self.path / "secrets" / _SIGNING_KEY, new_signing_key)

    def audit_key(self) -> str:
        """What the audit log's chain is sealed with; it never changes."""
        return secret_file(self.path / "secrets" / _AUDIT_KEY, partial(secrets.token_hex, 32))

    def push_key(self) -> str:
        """What our pushes are signed by and devices' addresses sealed with: another one would end all subscriptions."""
        return secret_file(self.path / "secrets" / "push-key", partial(secrets.token_hex, 32))

    def media_keys(self) -> None:
        """The master keys of content, made at the first start; without them nothing that was uploaded can be read."""
        secret_file(self.path / "secrets" / MEDIA_KEYS, partial(new_key, 1))

    def release(self) -> None:
        os.ftruncate(self._lock, 0)
        os.close(self._lock)


def running(path: Path) -> Running | None:
    """The process that holds the folder now, if one does."""
    try:
        lock = os.open(path / "kaif.lock", os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return _decode(os.pread(lock, 4096, 0))
    finally:
        os.close(lock)
    return None


def _decode(content: bytes) -> Running | None:
    try:
        return msgspec.json.decode(content, type=Running)
    except msgspec.MsgspecError:
        return None


def signing_key_in(path: Path) -> str:
    """That of the folder, whoever holds it. Raises Misconfigured when there is none yet."""
    return _secret_in(path, _SIGNING_KEY)


def audit_key_in(path: Path) -> str:
    """As above."""
    return _secret_in(path, _AUDIT_KEY)


def _secret_in(path: Path, name: str) -> str:
    try:
        return (path / "secrets" / name).read_text(encoding="utf-8")
    except OSError as error:
        raise Misconfigured(f"{error.filename} can't be read: it is needed for this.") from error


def secret_file(path: Path, make: Callable[[], str]) -> str:
    """The secret in the file; made, and kept where only this user reads it, when there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        pass
    secret = make()
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        # Beside and renamed: a crash or a full disk leaves no half of a key.
        unfinished = path.with_suffix(".part")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    except OSError as error:
        raise Misconfigured(f"{path} can't be written: {error.strerror}.") from error
    return secret


def is_private(path: Path) -> bool:
    """Nobody but its owner may read it."""
    return not stat.S_IMODE(path.stat().st_mode) & 0o077
