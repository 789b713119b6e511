"""Letters: they leave whatever the mail server does, and hold what only mail may hold."""

import asyncio
import re
from collections import Counter
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP
from tests.harness import free_address
from tests.postoffice import PostOffice
from tests.services.auth.accounts import PASSWORD, actor_of, register, set_up
from tests.services.auth.home import Home, at_home
from tests.waiting import until

from kaif.interfaces.auth import Auth, LogIn, Nothing, Register
from kaif.interfaces.auth.accounts import (
    ChangeDisplayName,
    ChangeLanguage,
    ChangePassword,
    ConfirmEmail,
    DeleteAccount,
    ForgetPassword,
)
from kaif.kernel.actor import NOBODY, Actor
from kaif.services.auth.reactions import LETTERS

DAY_MS = 24 * 3600 * 1000


def content(folder: Path) -> bytes:
    """All that the database has written."""
    return b"".join(path.read_bytes() for path in folder.glob("kaif.db*"))


async def served(office: PostOffice, host: str, port: int) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: SMTP(office, loop=loop), host, port)


async def people_register(auth: Auth, number: int) -> Counter[str]:
    """Their addresses."""
    await set_up(auth)
    for one in range(number):
        await register(auth, f"person-{one}")
    return Counter(["owner@example.org", *[f"person-{one}@example.org" for one in range(number)]])


def addresses(office: PostOffice) -> Counter[str]:
    return Counter(address for envelope in office.envelopes for address in envelope.rcpt_tos)


async def test_while_the_mail_server_is_down_people_register_and_later_every_letter_comes_once(
    tmp_path: Path, database_url: str
) -> None:
    host, port = free_address()
    office = PostOffice()
    async with at_home(tmp_path, database_url, KAIF_MAIL_URL=f"smtp://{host}:{port}?tls=none&from=k@k.example") as home:
        expected = await people_register(home.auth, 5)
        await asyncio.sleep(0.8)
        server = await served(office, host, port)

        await until(lambda: len(office.envelopes) >= 6, timeout_s=20)
        await asyncio.sleep(0.3)

        assert addresses(office) == expected
        server.close()


async def test_letters_that_were_due_when_the_server_stopped_leave_after_its_start(
    tmp_path: Path, database_url: str
) -> None:
    host, port = free_address()
    office = PostOffice()
    mail_url = f"smtp://{host}:{port}?tls=none&from=k@k.example"
    async with at_home(tmp_path, database_url, KAIF_MAIL_URL=mail_url) as home:
        expected = await people_register(home.auth, 2)
    server = await served(office, host, port)
    async with at_home(tmp_path, database_url, KAIF_MAIL_URL=mail_url):
        await until(lambda: len(office.envelopes) >= 3, timeout_s=20)

    assert addresses(office) == expected
    server.close()


async def test_who_left_before_the_letter_could_leave_gets_none(tmp_path: Path, database_url: str) -> None:
    host, port = free_address()
    office = PostOffice()
    async with at_home(tmp_path, database_url, KAIF_MAIL_URL=f"smtp://{host}:{port}?tls=none&from=k@k.example") as home:
        await set_up(home.auth)
        anna, _ = await register(home.auth, "anna"), await register(home.auth, "boris")
        await home.accounts.delete_account(actor_of(anna), DeleteAccount(PASSWORD))
        server = await served(office, host, port)

        await until(lambda: len(office.envelopes) >= 2, timeout_s=20)

        assert set(addresses(office)) == {"owner@example.org", "boris@example.org"}
        server.close()


async def test_an_address_that_cannot_take_mail_now_holds_up_nobody_elses(tmp_path: Path, database_url: str) -> None:
    host, port = free_address()
    office = PostOffice()
    office.answers["person-0@example.org"] = "450 come back later"
    server = await served(office, host, port)
    async with at_home(tmp_path, database_url, KAIF_MAIL_URL=f"smtp://{host}:{port}?tls=none&from=k@k.example") as home:
        expected = await people_register(home.auth, 3)
        await until(lambda: len(office.envelopes) >= 3)
        assert "person-0@example.org" not in addresses(office)

        office.answers.clear()
        await until(lambda: len(office.envelopes) >= 4, timeout_s=20)

        assert addresses(office) == expected
    server.close()


async def test_a_letter_that_is_refused_for_good_holds_up_nobody_elses(tmp_path: Path, database_url: str) -> None:
    host, port = free_address()
    office = PostOffice()
    office.answers["owner@example.org"] = "550 no such person"
    server = await served(office, host, port)
    async with at_home(tmp_path, database_url, KAIF_MAIL_URL=f"smtp://{host}:{port}?tls=none&from=k@k.example") as home:
        await people_register(home.auth, 1)

        await until(lambda: len(office.envelopes) >= 1)

        assert list(addresses(office)) == ["person-0@example.org"]
    server.close()


def test_a_mail_server_may_be_down_for_a_day() -> None:
    assert sum(LETTERS.pause_ms(attempt) for attempt in range(1, LETTERS.outage_attempts_max)) > DAY_MS


@pytest.mark.parametrize(
    ("language", "subject", "button"),
    [
        ("ru", "Добро пожаловать. Подтвердите почту", "Подтвердить почту"),
        ("en", "Welcome. Please confirm your e-mail address", "Confirm the address"),
    ],
)
async def test_the_welcome_is_one_letter_in_the_readers_language(
    embedded_home: Home, language: str, subject: str, button: str
) -> None:
    await set_up(embedded_home.auth)
    await embedded_home.register_in(language, "anna")

    letter = await embedded_home.letter("anna@example.org")

    assert letter.subject == subject
    assert "@anna" in letter.text and "ozero.example" in letter.text
    assert button in letter.html and f'lang="{language}"' in letter.html
    assert await embedded_home.token("anna@example.org") in letter.html


async def test_html_letters_load_nothing_and_run_nothing(embedded_home: Home) -> None:
    await set_up(embedded_home.auth)

    html = (await embedded_home.letter("owner@example.org")).html

    assert not re.search(r"<(script|img|link|iframe|style|object)|\bon\w+=|url\(|@import", html, re.IGNORECASE)
    assert set(re.findall(r'https?://[^\s"<]+', html)) == {html.partition('href="')[2].partition('"')[0]}


async def test_a_name_is_text_in_a_letter_never_markup_or_a_place_for_values(embedded_home: Home) -> None:
    await set_up(embedded_home.auth)
    tokens = await embedded_home.auth.register(NOBODY, Register("anna", "anna@example.org", PASSWORD))
    await embedded_home.accounts.confirm_email(NOBODY, ConfirmEmail(await embedded_home.token("anna@example.org")))
    name = '<b onclick="x">Анна</b> & $link ${host}'
    await embedded_home.accounts.change_display_name(actor_of(tokens), ChangeDisplayName(name))
    await embedded_home.accounts.change_password(
        actor_of(tokens), ChangePassword(PASSWORD, "a quiet lake and two boats")
    )

    letter = await embedded_home.letter("anna@example.org", 2)

    assert f"Hello {name}," in letter.text
    assert "&lt;b onclick=&quot;x&quot;&gt;Анна&lt;/b&gt; &amp; $link ${host}" in letter.html


async def test_a_stranger_puts_no_words_of_their_own_into_a_letter_to_an_unproved_address(embedded_home: Home) -> None:
    await set_up(embedded_home.auth)
    wanted = Register("anna", "victim@example.org", PASSWORD, "You won at prizes.example")
    tokens = await embedded_home.auth.register(NOBODY, wanted)
    await embedded_home.accounts.resend_confirmation(actor_of(tokens), Nothing())
    await embedded_home.accounts.forget_password(NOBODY, ForgetPassword("victim@example.org"))
    await embedded_home.letter("victim@example.org", 3)

    for letter in await embedded_home.letters("victim@example.org"):
        assert "prizes.example" not in letter.text + letter.html + letter.subject


async def test_a_chosen_language_is_that_of_the_letters_that_follow(embedded_home: Home) -> None:
    tokens = await set_up(embedded_home.auth)

    user = await embedded_home.accounts.change_language(actor_of(tokens), ChangeLanguage("ru"))
    await embedded_home.accounts.resend_confirmation(actor_of(tokens), Nothing())

    assert user.language == "ru"
    assert (await embedded_home.letter("owner@example.org", 2)).subject == "Подтвердите почту"


async def test_neither_the_database_nor_the_outbox_holds_a_usable_link(embedded_home: Home, tmp_path: Path) -> None:
    await set_up(embedded_home.auth)
    token = await embedded_home.token("owner@example.org")
    link_id, _, seal = token.partition(".")

    stored = content(tmp_path)

    assert link_id.encode() in stored
    assert len(seal) == 64 and seal.encode() not in stored


@pytest.mark.parametrize(("language", "unknown"), [("ru", "неизвестно"), ("en", "unknown")])
async def test_a_new_device_is_told_of_in_the_readers_language(
    embedded_home: Home, language: str, unknown: str
) -> None:
    await set_up(embedded_home.auth)
    await embedded_home.register_in(language, "anna")
    link = await embedded_home.token("anna@example.org")
    await embedded_home.accounts.confirm_email(NOBODY, ConfirmEmail(link))

    await embedded_home.auth.log_in(Actor(address="203.0.113.7", agent="curl/8"), LogIn("anna", PASSWORD))
    await embedded_home.auth.log_in(Actor(address="203.0.113.7"), LogIn("anna", PASSWORD))

    named, nameless = (
        await embedded_home.letter("anna@example.org", 2),
        await embedded_home.letter("anna@example.org", 3),
    )
    assert "curl\n" in named.text and "203.0.113.7\n" in named.text and "2027-01-15 08:00 UTC" in named.text
    assert unknown in nameless.text and unknown not in named.text
    assert "curl<br>" in named.html and "$" not in named.html
