"""The development mailbox: letters go nowhere but into a folder, where the operator reads them."""

import asyncio
import contextlib
import email
import errno
import re
from collections.abc import Iterator
from datetime import datetime
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path

import msgspec

from kaif.engines.mail import Letter
from kaif.engines.mail.message import POLICY, compose, parse_address
from kaif.kernel.errors import NotFound, StorageFull, Unavailable
from kaif.kernel.ids import new_id

LETTERS_KEPT_MAX = 500
LETTERS_LISTED_MAX = 100

_SENDER = parse_address("kaif@localhost")
_ID = re.compile(r"[0-9a-z]{26}")


class Kept(msgspec.Struct, frozen=True):
    id: str
    sent_at: datetime
    letter: Letter


class DevMailbox:
    def __init__(self, folder: Path, letters_kept_max: int = LETTERS_KEPT_MAX) -> None:
        self._folder = folder
        self._letters_kept_max = letters_kept_max

    async def send(self, letter: Letter) -> None:
        content = compose(letter, _SENDER).as_bytes()
        await asyncio.to_thread(self._keep, content)

    async def letters(self) -> list[Kept]:
        """The newest first, at most LETTERS_LISTED_MAX."""
        return await asyncio.to_thread(self._read_newest)

    async def letter(self, id: str) -> Kept:
        """Raises NotFound."""
        if not _ID.fullmatch(id):
            raise NotFound
        return await asyncio.to_thread(_read, self._folder / f"{id}.eml")

    def _keep(self, content: bytes) -> None:
        with _translated():
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{new_id()}.eml"
            # Written beside and renamed, so that a reader never sees half a letter.
            unfinished = path.with_suffix(".part")
            try:
                unfinished.write_bytes(content)
                unfinished.rename(path)
            finally:
                unfinished.unlink(missing_ok=True)
            for old in self._newest_first()[self._letters_kept_max :]:
                old.unlink(missing_ok=True)

    def _read_newest(self) -> list[Kept]:
        kept = []
        for path in self._newest_first()[:LETTERS_LISTED_MAX]:
            with contextlib.suppress(NotFound):
                kept.append(_read(path))
        return kept

    def _newest_first(self) -> list[Path]:
        """Ids sort by time."""
        return sorted(self._folder.glob("*.eml"), reverse=True)


def _read(path: Path) -> Kept:
    with _translated():
        message = email.message_from_bytes(path.read_bytes(), policy=POLICY)
    assert isinstance(message, EmailMessage)
    letter = Letter(str(message["To"]), str(message["Subject"]), _part(message, "plain"), _part(message, "html"))
    return Kept(path.stem, parsedate_to_datetime(message["Date"]), letter)


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return part.get_content().replace("\r\n", "\n") if part is not None else ""


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StorageFull(retry_after_ms=5000) from error
        raise Unavailable(retry_after_ms=1000) from error
