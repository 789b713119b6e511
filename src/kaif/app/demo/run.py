"""`kaif demo`: the data folder is made, filled with the stories, and left for `kaif up`."""

import asyncio
import random
import re
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from kaif.app import compose
from kaif.app.auth import auth_services
from kaif.app.demo import people, script
from kaif.app.demo.calendar import Calendar
from kaif.app.demo.telling import Moment, Teller, in_time
from kaif.app.folder import DataFolder, secret_file
from kaif.app.media import media_services
from kaif.app.messaging import messaging_services
from kaif.app.notifying import notifications
from kaif.app.settings import Misconfigured, Settings
from kaif.app.surface import Services
from kaif.engines.bus.store import next_events
from kaif.engines.database import Database
from kaif.engines.mail.mailbox import DevMailbox
from kaif.interfaces.auth import Auth, Language, LogIn, Nothing, Register, SetUp, Tokens
from kaif.interfaces.auth.accounts import Accounts, ConfirmEmail
from kaif.interfaces.auth.roles import Roles
from kaif.interfaces.auth.sessions import Sessions
from kaif.interfaces.auth.staff import Staff
from kaif.interfaces.media.references import References
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.clock import DAY_US, SECOND_US, as_us
from kaif.kernel.tokens import Verifier
from kaif.services.auth.passwords.hashing import LEAST_COST

STORIES = Path(__file__).parent / "stories"
_CONFIRMING = re.compile(r"/confirm#(\S+)")
# So long before the first line the first of them comes.
JOINED_BEFORE_US = 2 * DAY_US
LETTERS_SENT_WITHIN_S = 60


class Told(NamedTuple):
    people: int
    chats: int
    messages: int


def run(settings: Settings, say: Callable[[str], None]) -> None:
    """Raises Misconfigured when the folder is in use, or somebody has an account there."""
    folder = DataFolder(settings.data)
    try:
        folder.media_keys()
        password = secret_file(settings.data / "secrets" / "demo-password", lambda: secrets.token_urlsafe(15))
        # Letters to people who are none stay here, whatever the server sends by.
        kept_here = msgspec.structs.replace(folder.settings(settings), mail_url=f"mailbox:{settings.data / 'mailbox'}")
        told = asyncio.run(_fill(kept_here, password))
    finally:
        folder.release()
    visitor, operator = people.PEOPLE[people.VISITOR][0], people.PEOPLE[people.OPERATOR][0]
    say(f"{told.people} people, {told.chats} chats and {told.messages} messages are in place.")
    say(f"Start `kaif up` and sign in as {visitor}, or as the operator {operator}, with the password {password}")


async def _fill(settings: Settings, password: str) -> Told:
    now = datetime.now().astimezone()
    chance = random.Random("kaif-demo")  # noqa: S311
    written = script.read("\n".join(path.read_text(encoding="utf-8") for path in sorted(STORIES.glob("*.txt"))))
    timed = in_time(written, Calendar(now), as_us(now), chance)
    moment = Moment(timed[0].at_us - JOINED_BEFORE_US)
    with Progress(TextColumn("{task.description:>9}"), BarColumn(), MofNCompleteColumn()) as progress:
        total = len(people.PEOPLE) + len(timed)
        task = progress.add_task("two weeks", total=total)
        async with _services(settings, moment) as (database, services):
            if not (await services[Auth].get_setup(NOBODY, Nothing())).needed:
                raise Misconfigured("People live here already: a demo needs a data folder of its own (--data).")
            verifier = Verifier((await services[Auth].get_keys(NOBODY, Nothing())).keys)
            doorway = Doorway(settings, services[Auth], verifier, moment, password)
            actors = {}
            for name in people.PEOPLE:
                actors[name] = await doorway.let_in(name)
                moment.reach(moment() + JOINED_BEFORE_US // (len(people.PEOPLE) + 1))
                progress.advance(task)
            await _letters_are_sent(database)
            await _confirm_addresses(services[Accounts], DevMailbox(settings.data / "mailbox"), actors)
            teller = Teller(services, actors, doorway.sign_in, moment, chance)
            await teller.show_people()
            await teller.tell(written, timed, lambda: progress.advance(task))
            await teller.read_up(as_us(now), but=people.VISITOR)
            await _letters_are_sent(database)
    return Told(len(people.PEOPLE), *teller.counts)


@asynccontextmanager
async def _services(settings: Settings, moment: Moment) -> AsyncIterator[tuple[Database, Services]]:
    """All but the edge, as `kaif up` wires them, by another clock; nobody's device is told."""
    # Nobody guesses the password of them all, which is random: it costs least, until its first use hashes it anew.
    unheard = msgspec.structs.replace(
        settings,
        push_key="",
        cache_url="memory:",
        password_memory=LEAST_COST.memory_kib * 1024,
        password_passes=LEAST_COST.passes,
    )
    later, pictures = compose.FutureMessaging(), compose.FuturePictures()
    async with (
        compose.sole_database_of(unheard) as database,
        compose.cache_of(unheard) as cache,
        auth_services(unheard, database, cache, moment, pictures=pictures) as auths,
        media_services(unheard, database, cache, later, auths[Auth], auths[Roles], moment, messages=later) as medias,
        messaging_services(
            database, cache, auths[Auth], auths[Sessions], auths[Staff], moment, files=medias[References]
        ) as messagings,
        notifications(unheard, database, cache, auths[Auth], moment) as notified,
    ):
        later.services, pictures.services = messagings, medias
        yield database, {**auths, **medias, **messagings, **notified}


class Doorway:
    """Where the stories' people come in."""

    def __init__(self, settings: Settings, auth: Auth, verifier: Verifier, moment: Moment, password: str) -> None:
        self._setup_code, self._auth, self._verifier = settings.setup_code, auth, verifier
        self._moment, self._password = moment, password

    async def let_in(self, name: str) -> Actor:
        """For the first time."""
        username, display_name = people.PEOPLE[name]
        language: Language = "en" if name in people.ENGLISH else "ru"
        email = _address_of(name)
        if name == people.OPERATOR:
            set_up = SetUp(username, email, self._password, display_name, language, code=self._setup_code)
            return self._actor(await self._auth.set_up(NOBODY, set_up))
        account = Register(username, email, self._password, display_name, language)
        return self._actor(await self._auth.register(NOBODY, account))

    async def sign_in(self, name: str) -> Actor:
        """Anew, as somebody who is about to do what needs a fresh sign-in."""
        return self._actor(await self._auth.log_in(NOBODY, LogIn(people.PEOPLE[name][0], self._password)))

    def _actor(self, tokens: Tokens) -> Actor:
        return self._verifier.verify(tokens.access_token.encode(), self._moment() / SECOND_US).actor


async def _confirm_addresses(accounts: Accounts, mailbox: DevMailbox, actors: Mapping[str, Actor]) -> None:
    """As people do who have just signed up: by the links in their letters."""
    owners = {_address_of(name): actor for name, actor in actors.items()}
    for kept in await mailbox.letters():
        if link := _CONFIRMING.search(kept.letter.text):
            await accounts.confirm_email(owners[kept.letter.to], ConfirmEmail(link[1]))


def _address_of(name: str) -> str:
    return f"{people.PEOPLE[name][0]}@example.org"


async def _letters_are_sent(database: Database) -> None:
    """None is left for the server, which may have a real way to send them."""
    for _ in range(LETTERS_SENT_WITHIN_S * 10):
        if not await next_events(database, "auth.letters", 1):
            return
        await asyncio.sleep(0.1)
    raise Misconfigured("The letters of the demo can't be written into the mailbox.")
