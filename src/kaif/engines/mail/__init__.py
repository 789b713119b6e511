"""Sends mail."""

from pathlib import Path
from typing import Protocol

import msgspec

from kaif.kernel.errors import Unavailable


class Postponed(Unavailable):
    code = "mail_postponed"
    detail = "The mail server will not take a letter to this address for the time being."


class Letter(msgspec.Struct, frozen=True):
    """`id` makes a letter that is sent twice the same one (RFC 5322, 3.6.4). `unsubscribe` is where one request
    ends letters of its kind, without a question (RFC 8058)."""

    to: str
    subject: str
    text: str
    html: str = ""
    id: str = ""
    unsubscribe: str = ""


class Mail(Protocol):
    async def send(self, letter: Letter) -> None:
        """Hand the letter over.

        Raises Unavailable when the other side can't take it now (Postponed when it only refuses this letter), and
        Invalid when it never will.
        """
        ...


async def open_mail(url: str) -> Mail:
    """`mailbox:DIR`, or a server: `smtp://user:password@host:port?tls=starttls|implicit|none&from=address`.

    `smtps:` is `smtp:` with `tls=implicit`; without `tls`, STARTTLS is demanded.
    """
    match url.partition(":")[0]:
        case "mailbox":
            from kaif.engines.mail.mailbox import DevMailbox

            return DevMailbox(Path(url.partition(":")[2]))
        case "smtp" | "smtps":
            from kaif.engines.mail.smtp import open_smtp

            return open_smtp(url)
        case scheme:
            raise ValueError(f"no mail engine for {scheme!r}")
