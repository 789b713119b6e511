"""Letters: handed to a real SMTP server, or kept in the development mailbox."""

import asyncio
import os
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP
from tests.disks import SmallDisk
from tests.postoffice import PostOffice, parse

from kaif.engines.mail import Letter, Mail, Postponed, open_mail
from kaif.engines.mail.mailbox import DevMailbox
from kaif.engines.mail.smtp import open_smtp
from kaif.kernel.errors import Invalid, NotFound, StorageFull, Unavailable


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate of our own for localhost."""
    path = tmp_path_factory.mktemp("certificate") / "localhost.pem"
    key = "openssl req -x509 -newkey rsa:2048 -nodes -days 2"
    names = "-subj /CN=localhost -addext subjectAltName=DNS:localhost"
    subprocess.run(
        [*key.split(), *names.split(), "-keyout", path, "-out", path.with_suffix(".crt")],
        check=True,
        capture_output=True,
    )
    path.write_bytes(path.read_bytes() + path.with_suffix(".crt").read_bytes())
    return path


@pytest.fixture
def tls_context(certificate: Path) -> ssl.SSLContext:
    """A client's, which trusts our certificate."""
    return ssl.create_default_context(cafile=str(certificate))


@pytest.fixture
def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def office() -> PostOffice:
    return PostOffice()


@pytest.fixture
async def plain_port(office: PostOffice) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(office, loop=loop), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
async def starttls_port(office: PostOffice, server_context: ssl.SSLContext) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()

    def protocol() -> SMTP:
        return SMTP(
            office,
            loop=loop,
            tls_context=server_context,
            require_starttls=True,
            auth_required=True,
            authenticator=office.authenticate,
        )

    server = await loop.create_server(protocol, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
async def implicit_tls_port(office: PostOffice, server_context: ssl.SSLContext) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(office, loop=loop), "127.0.0.1", 0, ssl=server_context)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
async def smtp(plain_port: int) -> Mail:
    return await open_mail(f"smtp://127.0.0.1:{plain_port}?tls=none&from=no-reply@kaif.example")


@pytest.fixture(params=["smtp", "mailbox"])
def mail(request: pytest.FixtureRequest, tmp_path: Path) -> Mail:
    return request.getfixturevalue("smtp") if request.param == "smtp" else DevMailbox(tmp_path)


@pytest.fixture
def received(office: PostOffice, tmp_path: Path) -> Callable[[], list[EmailMessage]]:
    """What arrived, wherever the mail was sent."""

    def read() -> list[EmailMessage]:
        contents = [path.read_bytes() for path in tmp_path.glob("*.eml")]
        return [*office.messages(), *[parse(content) for content in contents]]

    return read


async def test_a_letter_arrives_as_it_was_written(mail: Mail, received: Callable[[], list[EmailMessage]]) -> None:
    letter = Letter(
        "anna@example.com",
        "Добро пожаловать, Анна: " + "очень " * 30,
        "Здравствуйте!\n.\nFrom here on.\n" + "длинная строка " * 100,
        "<p>Здравствуйте!</p>",
    )
    await mail.send(letter)

    [message] = received()
    assert (message["To"], message["Subject"]) == (letter.to, letter.subject)
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None and text.get_content().replace("\r\n", "\n").rstrip("\n") == letter.text.rstrip("\n")
    assert html is not None and html.get_content().strip() == letter.html
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"] and message["Date"]


@pytest.mark.parametrize(
    "to",
    ["", "anna", "@example.com", "anna@", "a@example.com, b@example.com", "a@example.com\r\nBcc: b@example.com",
     "a@example.com\nBcc: b@example.com", "Anna <anna@example.com>", "a b@example.com", "анна@example.com",
     "a@exa mple.com", "a@example..com", "a@example.com\0"],
)  # fmt: skip
async def test_what_is_not_one_address_is_refused(
    mail: Mail, received: Callable[[], list[EmailMessage]], to: str
) -> None:
    with pytest.raises(Invalid):
        await mail.send(Letter(to, "Hello", "Hello"))

    assert received() == []


@pytest.mark.parametrize("subject", ["Hello\nBcc: b@example.com", "Hello\r\nBcc: b@example.com", "Hello\r\n\r\nBody"])
async def test_a_subject_cannot_smuggle_in_a_header(
    mail: Mail, received: Callable[[], list[EmailMessage]], subject: str
) -> None:
    with pytest.raises(Invalid):
        await mail.send(Letter("anna@example.com", subject, "Hello"))

    assert received() == []


async def test_text_that_is_no_text_is_refused(mail: Mail) -> None:
    with pytest.raises(Invalid):
        await mail.send(Letter("anna@example.com", "Hello", "\ud800"))


async def test_a_domain_in_another_script_is_written_in_ascii(office: PostOffice, smtp: Mail) -> None:
    await smtp.send(Letter("anna@пример.рф", "Hello", "Hello"))

    assert office.envelopes[0].rcpt_tos == ["anna@xn--e1afmkfd.xn--p1ai"]
    assert office.envelopes[0].mail_from == "no-reply@kaif.example"


async def test_with_starttls_the_password_travels_only_encrypted(
    office: PostOffice, starttls_port: int, tls_context: ssl.SSLContext
) -> None:
    mail = open_smtp(f"smtp://kaif:p%40ss%2Fword@localhost:{starttls_port}?tls=starttls", tls_context)

    await mail.send(Letter("anna@example.com", "Hello", "Hello"))

    assert (len(office.envelopes), office.users) == (1, ["kaif"])


async def test_implicit_tls(office: PostOffice, implicit_tls_port: int, tls_context: ssl.SSLContext) -> None:
    mail = open_smtp(f"smtps://localhost:{implicit_tls_port}", tls_context)

    await mail.send(Letter("anna@example.com", "Hello", "Hello"))

    assert len(office.envelopes) == 1


async def test_a_server_without_starttls_gets_nothing_unless_that_was_asked_for(
    office: PostOffice, plain_port: int
) -> None:
    mail = await open_mail(f"smtp://kaif:secret@127.0.0.1:{plain_port}")

    with pytest.raises(Unavailable):
        await mail.send(Letter("anna@example.com", "Hello", "Hello"))

    assert office.envelopes == []


async def test_a_certificate_that_is_not_trusted_is_refused(office: PostOffice, starttls_port: int) -> None:
    mail = await open_mail(f"smtp://kaif:secret@localhost:{starttls_port}")

    with pytest.raises(Unavailable):
        await mail.send(Letter("anna@example.com", "Hello", "Hello"))

    assert office.users == []


async def test_a_wrong_password_is_ours_to_mend(
    office: PostOffice, starttls_port: int, tls_context: ssl.SSLContext
) -> None:
    mail = open_smtp(f"smtp://kaif:wrong@localhost:{starttls_port}", tls_context)

    with pytest.raises(Unavailable):
        await mail.send(Letter("anna@example.com", "Hello", "Hello"))


@pytest.mark.parametrize(
    ("recipient", "data", "error"),
    [
        ("550 no such person", "250 OK", Invalid),
        ("450 mailbox busy", "250 OK", Postponed),
        ("250 OK", "554 refused", Invalid),
        ("250 OK", "452 too little space", Postponed),
        ("421 going away", "250 OK", Unavailable),
    ],
)
async def test_a_refusal_is_final_or_passing_as_the_server_says(
    office: PostOffice, smtp: Mail, recipient: str, data: str, error: type[Exception]
) -> None:
    office.recipient_answer, office.data_answer = recipient, data

    with pytest.raises(error) as refused:
        await smtp.send(Letter("anna@example.com", "Hello", "Hello"))

    # A server that is going away postpones everyone's letters, not this one.
    assert type(refused.value) is error or error is Invalid


async def test_without_a_server_mail_is_unavailable() -> None:
    mail = await open_mail("smtp://127.0.0.1:1?tls=none")

    with pytest.raises(Unavailable):
        await mail.send(Letter("anna@example.com", "Hello", "Hello"))


async def test_the_mailbox_lists_the_newest_letter_first(tmp_path: Path) -> None:
    mailbox = DevMailbox(tmp_path / "mail")
    assert await mailbox.letters() == []
    for number in range(3):
        await mailbox.send(Letter("anna@example.com", f"Letter {number}", "Привет\n", "<p>Привет</p>\n"))
        await asyncio.sleep(0.002)

    kept = await mailbox.letters()

    assert [one.letter.subject for one in kept] == ["Letter 2", "Letter 1", "Letter 0"]
    assert kept[0].letter == Letter("anna@example.com", "Letter 2", "Привет\n", "<p>Привет</p>\n")
    assert await mailbox.letter(kept[1].id) == kept[1]


async def test_the_mailbox_keeps_only_so_many(tmp_path: Path) -> None:
    mailbox = DevMailbox(tmp_path, letters_kept_max=3)
    for number in range(5):
        await mailbox.send(Letter("anna@example.com", str(number), "Hello"))
        await asyncio.sleep(0.002)

    assert [one.letter.subject for one in await mailbox.letters()] == ["4", "3", "2"]
    assert len(os.listdir(tmp_path)) == 3  # noqa: PTH208


@pytest.mark.parametrize("id", ["", "0" * 26, "../../etc/passwd", "x" * 27])
async def test_a_letter_that_is_not_there_is_not_found(tmp_path: Path, id: str) -> None:
    with pytest.raises(NotFound):
        await DevMailbox(tmp_path).letter(id)


async def test_a_mailbox_on_a_full_disk_says_so(small_disk: SmallDisk) -> None:
    mailbox = DevMailbox(small_disk.folder / "mail")

    with pytest.raises(StorageFull):
        await mailbox.send(Letter("anna@example.com", "Hello", "x" * 20_000_000))

    assert await mailbox.letters() == []


async def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(ValueError, match="no mail engine for 'uucp'"):
        await open_mail("uucp://host")
