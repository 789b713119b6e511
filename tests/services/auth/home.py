"""Auth as `kaif up` wires it, with the letters that its people get."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.harness.services import NEXT_TO_NOTHING
from tests.services.auth.accounts import AUDITOR, PASSWORD, actor_of, register, set_up
from tests.waiting import eventually

from kaif.app import compose
from kaif.app.auth import auth_services
from kaif.app.settings import read_settings
from kaif.engines.cache import Cache
from kaif.engines.database import Database
from kaif.engines.mail import Letter
from kaif.engines.mail.mailbox import DevMailbox
from kaif.interfaces.auth import Auth, Nothing, Register, Tokens, User
from kaif.interfaces.auth.accounts import Accounts
from kaif.interfaces.auth.api_keys import ApiKeys
from kaif.interfaces.auth.applications import Applications
from kaif.interfaces.auth.audit import Action, Audit, Audited, ListAudit
from kaif.interfaces.auth.captcha import Captchas
from kaif.interfaces.auth.directory import Directory
from kaif.interfaces.auth.factors import SecondFactors
from kaif.interfaces.auth.identities import Identities
from kaif.interfaces.auth.invitations import Invitations
from kaif.interfaces.auth.openid import Authorizations, OpenId
from kaif.interfaces.auth.own_data import OwnData
from kaif.interfaces.auth.parked_events import ParkedEvents
from kaif.interfaces.auth.passkeys import Passkeys
from kaif.interfaces.auth.providers import Providers
from kaif.interfaces.auth.roles import Roles
from kaif.interfaces.auth.sessions import Sessions
from kaif.interfaces.auth.wallets import Wallets
from kaif.kernel.actor import NOBODY
from kaif.services.auth.tokens import new_signing_key

PUBLIC_URL = "https://ozero.example"
NEW_PASSWORD = "a quiet lake and two boats"


class Home:
    def __init__(self, folder: Path, database: Database, cache: Cache, signing_key: str) -> None:
        self.folder, self.database, self.cache = folder, database, cache
        self.signing_key = signing_key
        self.now_us = 1_800_000_000_000_000
        self.auth: Auth
        self.accounts: Accounts
        self.passkeys: Passkeys
        self.audit: Audit
        self.factors: SecondFactors
        self.invitations: Invitations
        self.directory: Directory
        self.parked_events: ParkedEvents
        self.roles: Roles
        self.sessions: Sessions
        self.services: dict[type, Any] = {}
        self.applications: Applications
        self.authorizations: Authorizations
        self.openid: OpenId
        self.providers: Providers
        self.identities: Identities
        self.own_data: OwnData
        self.captchas: Captchas
        self.api_keys: ApiKeys
        self.wallets: Wallets
        self._mailbox = DevMailbox(folder / "mailbox")

    async def letters(self, address: str) -> list[Letter]:
        """The oldest first."""
        return [kept.letter for kept in reversed(await self._mailbox.letters()) if kept.letter.to == address]

    async def letter(self, address: str, number: int = 1) -> Letter:
        """The first one, or the one of that number, as soon as it is there."""

        async def come() -> bool:
            return len(await self.letters(address)) >= number

        await eventually(come)
        return (await self.letters(address))[number - 1]

    async def token(self, address: str, number: int = 1) -> str:
        """What the link of that letter holds."""
        return token_in(await self.letter(address, number))

    async def owner_and(self, name: str) -> tuple[Tokens, Tokens]:
        return await set_up(self.auth), await register(self.auth, name)

    async def user(self, tokens: Tokens) -> User:
        return await self.auth.get_me(actor_of(tokens), Nothing())

    async def audited(self, action: Action) -> list[Audited]:
        """The newest first."""
        return (await self.audit.list_audit(AUDITOR, ListAudit(action))).entries

    async def register_in(self, language: str, name: str) -> Tokens:
        assert language in ("ru", "en")
        wanted = Register(name, f"{name}@example.org", PASSWORD, language="ru" if language == "ru" else "en")
        return await self.auth.register(NOBODY, wanted)


def token_in(letter: Letter) -> str:
    found = re.search(rf"^{PUBLIC_URL}/(?:confirm|reset|sign-up)#(\S+)$", letter.text, re.MULTILINE)
    assert found, letter.text
    return found[1]


def _as_it_is(database: Database) -> Database:
    return database


@asynccontextmanager
async def at_home(
    folder: Path, database_url: str, around: Callable[[Database], Database] = _as_it_is, **environment: str
) -> AsyncIterator[Home]:
    """`around` gives the database on which auth works; what the test itself asks comes from the one it got."""
    signing_key = new_signing_key()
    settings = read_settings(
        folder,
        "127.0.0.1",
        0,
        {
            "KAIF_DATABASE_URL": database_url,
            "KAIF_SETUP_CODE": "set-up-code",
            "KAIF_SIGNING_KEY": signing_key,
            "KAIF_PUBLIC_URL": PUBLIC_URL,
            **environment,
        },
    )
    async with compose.database_of(settings) as database, compose.cache_of(settings) as cache:
        home = Home(folder, database, cache, signing_key)
        async with auth_services(
            settings, around(database), cache, lambda: home.now_us, hash_cost=NEXT_TO_NOTHING
        ) as services:
            home.auth, home.accounts, home.passkeys = services[Auth], services[Accounts], services[Passkeys]
            home.audit, home.factors, home.roles = services[Audit], services[SecondFactors], services[Roles]
            home.invitations, home.sessions = services[Invitations], services[Sessions]
            home.directory, home.parked_events = services[Directory], services[ParkedEvents]
            home.applications, home.authorizations = services[Applications], services[Authorizations]
            home.openid, home.services = services[OpenId], services
            home.providers, home.identities = services[Providers], services[Identities]
            home.own_data, home.captchas = services[OwnData], services[Captchas]
            home.api_keys, home.wallets = services[ApiKeys], services[Wallets]
            yield home
