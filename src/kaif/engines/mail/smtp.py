"""Sends mail by SMTP (RFC 5321), one connection per letter."""

import ssl
from email.headerregistry import Address
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib
import msgspec

from kaif.engines.mail import Letter, Postponed
from kaif.engines.mail.message import compose, parse_address
from kaif.kernel.errors import Invalid, Unavailable

TIMEOUT_S = 10

Tls = Literal["starttls", "implicit", "none"]
_PORTS: dict[Tls, int] = {"starttls": 587, "implicit": 465, "none": 25}


class Refused(Invalid):
    code = "mail_refused"
    detail = "The mail server will not take a letter to this address."


class Server(msgspec.Struct, frozen=True, kw_only=True):
    host: str
    port: int
    tls: Tls
    user: str | None
    password: str | None


class SmtpMail:
    def __init__(self, server: Server, sender: Address, tls_context: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._sender = sender
        self._tls_context = tls_context

    async def send(self, letter: Letter) -> None:
        message = compose(letter, self._sender).as_bytes()
        try:
            await aiosmtplib.send(
                message,
                sender=self._sender.addr_spec,
                recipients=[parse_address(letter.to).addr_spec],
                hostname=self._server.host,
                port=self._server.port,
                username=self._server.user,
                password=self._server.password,
                use_tls=self._server.tls == "implicit",
                start_tls=self._server.tls == "starttls",
                tls_context=self._tls_context,
                timeout=TIMEOUT_S,
            )
        except (aiosmtplib.SMTPException, OSError) as error:
            if _is_final(error):
                raise Refused from error
            if _is_of_this_letter(error):
                raise Postponed(retry_after_ms=60_000) from error
            raise Unavailable(retry_after_ms=60_000) from error


def open_smtp(url: str, tls_context: ssl.SSLContext | None = None) -> SmtpMail:
    """`tls_context` is for servers whose certificate the system does not know."""
    parts = urlsplit(url)
    options = {name: values[0] for name, values in parse_qs(parts.query).items()}
    tls: Tls = msgspec.convert("implicit" if parts.scheme == "smtps" else options.get("tls", "starttls"), Tls)
    server = Server(
        host=parts.hostname or "localhost",
        port=parts.port or _PORTS[tls],
        tls=tls,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )
    return SmtpMail(server, parse_address(options.get("from", "kaif@localhost")), tls_context)


def _is_of_this_letter(error: Exception) -> bool:
    """421 means that the server itself is going away (RFC 5321, 3.8), and so do losses of the connection."""
    match error:
        case aiosmtplib.SMTPRecipientsRefused():
            return all(_is_of_this_letter(refused) for refused in error.recipients)
        case aiosmtplib.SMTPRecipientRefused() | aiosmtplib.SMTPDataError():
            return error.code != 421
        case _:
            return False


def _is_final(error: Exception) -> bool:
    """A 5xx about the recipient or the letter; one about us, such as a wrong password, can be mended."""
    match error:
        case aiosmtplib.SMTPRecipientsRefused():
            return all(_is_final(refused) for refused in error.recipients)
        case aiosmtplib.SMTPRecipientRefused() | aiosmtplib.SMTPDataError():
            return 500 <= error.code < 600
        case _:
            return False
