"""A real SMTP server, which keeps what it is sent and answers as it is told."""

import email
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class PostOffice:
    """Keeps what it is sent, and answers as it is told."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.users: list[str] = []
        self.recipient_answer = self.data_answer = "250 OK"
        # For single addresses.
        self.answers: dict[str, str] = {}

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, _: list[str]) -> str:
        answer = self.answers.get(address, self.recipient_answer)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.data_answer.startswith("250"):
            self.envelopes.append(envelope)
        return self.data_answer

    def authenticate(self, _: SMTP, __: Session, ___: Envelope, mechanism: str, data: LoginPassword) -> AuthResult:
        self.users.append(data.login.decode())
        return AuthResult(success=data.password == b"p@ss/word", handled=False)

    def messages(self) -> list[EmailMessage]:
        return [parse(envelope.original_content or b"") for envelope in self.envelopes]


def parse(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=default)
    assert isinstance(message, EmailMessage)
    return message
