"""A letter as an Internet message (RFC 5322), with no way to smuggle a header into it."""

from email.errors import MessageError
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, make_msgid

from kaif.engines.mail import Letter
from kaif.kernel.clock import as_datetime, now_us
from kaif.kernel.errors import Invalid


class BadAddress(Invalid):
    code = "bad_address"
    detail = "This is no address to which mail can be sent."


class BadLetter(Invalid):
    code = "bad_letter"
    detail = "This can't be written as a letter: its subject has more than one line, or it holds no valid text."


class Policy(EmailPolicy):
    """Python's own folding of a long subject in another script drops a space where a line ends."""

    def fold(self, name: str, value: str) -> str:
        if name.lower() != "subject" or value.isascii():
            return str(super().fold(name, value))
        return f"{name}: {Header(value, 'utf-8', header_name=name).encode(linesep=self.linesep)}{self.linesep}"

    def fold_binary(self, name: str, value: str) -> bytes:
        return self.fold(name, value).encode("ascii", "surrogateescape")


# Seven bits pass every server.
POLICY = Policy(linesep="\r\n", cte_type="7bit")


def compose(letter: Letter, sender: Address) -> EmailMessage:
    message = EmailMessage(policy=POLICY)
    message["From"] = sender
    message["To"] = parse_address(letter.to)
    message["Date"] = format_datetime(as_datetime(now_us()))
    domain = sender.domain or "localhost"
    message["Message-ID"] = f"<{letter.id}@{domain}>" if letter.id else make_msgid(domain=sender.domain or None)
    if letter.unsubscribe:
        message["List-Unsubscribe"] = f"<{letter.unsubscribe}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    # Nobody's absence note shall answer it (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    try:
        message["Subject"] = letter.subject
        message.set_content(letter.text)
        if letter.html:
            message.add_alternative(letter.html, subtype="html")
    except ValueError as error:
        raise BadLetter from error
    return message


def parse_address(text: str) -> Address:
    """Exactly one address; a domain in another script is written in its ASCII form (RFC 5890)."""
    local, _, domain = text.rpartition("@")
    try:
        address = Address(addr_spec=f"{local}@{domain.encode('idna').decode()}")
    except (ValueError, IndexError, MessageError) as error:
        raise BadAddress from error
    if not (address.username and address.domain and address.addr_spec.isascii() and address.addr_spec.isprintable()):
        raise BadAddress
    return address
