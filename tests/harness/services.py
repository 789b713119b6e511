"""The services as `kaif up` wires them, without processes and without the edge."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple, get_type_hints

import msgspec

from kaif.app import compose
from kaif.app.auth import auth_services
from kaif.app.media import media_services
from kaif.app.messaging import messaging_services
from kaif.app.settings import Settings, read_settings
from kaif.app.surface import Services as Wired
from kaif.engines.cache import Cache
from kaif.engines.database import Database
from kaif.engines.keys.ring import new_key
from kaif.engines.web.pages import Pages
from kaif.interfaces.auth import Auth
from kaif.interfaces.auth.accounts import Accounts
from kaif.interfaces.auth.api_keys import ApiKeys
from kaif.interfaces.auth.audit import Audit
from kaif.interfaces.auth.avatars import Avatars
from kaif.interfaces.auth.bots import Bots
from kaif.interfaces.auth.digest_letters import DigestLetters
from kaif.interfaces.auth.directory import Directory
from kaif.interfaces.auth.factors import SecondFactors
from kaif.interfaces.auth.passkeys import Passkeys
from kaif.interfaces.auth.required_factors import FactorRequirement
from kaif.interfaces.auth.roles import Roles
from kaif.interfaces.auth.sessions import Sessions
from kaif.interfaces.auth.staff import Staff
from kaif.interfaces.media.page_pictures import PagePictures
from kaif.interfaces.media.references import References
from kaif.interfaces.messaging import Messaging
from kaif.interfaces.messaging.actions import MessageActions
from kaif.interfaces.messaging.administration import Administration
from kaif.interfaces.messaging.attachments import Attachments
from kaif.interfaces.messaging.bots import Callbacks, Commands
from kaif.interfaces.messaging.dates import Dates
from kaif.interfaces.messaging.discussions import Discussions
from kaif.interfaces.messaging.first_contact import FirstContacts
from kaif.interfaces.messaging.history import History
from kaif.interfaces.messaging.invitations import ChatInvitations
from kaif.interfaces.messaging.last_seen import LastSeen
from kaif.interfaces.messaging.lookalikes import LookalikesFinder
from kaif.interfaces.messaging.moving import Moving
from kaif.interfaces.messaging.order import OwnOrder
from kaif.interfaces.messaging.own_data import OwnMessaging
from kaif.interfaces.messaging.pictures import ChatPictures
from kaif.interfaces.messaging.polls import Polls
from kaif.interfaces.messaging.posts import ChannelPosts
from kaif.interfaces.messaging.previews import LinkPreviews
from kaif.interfaces.messaging.privacy import Privacy
from kaif.interfaces.messaging.purging import Purging
from kaif.interfaces.messaging.reminders import MessageReminders
from kaif.interfaces.messaging.reports import Reports
from kaif.interfaces.messaging.scheduled import ScheduledMessages
from kaif.interfaces.messaging.sharing import Sharing
from kaif.interfaces.messaging.topics import GroupTopics
from kaif.interfaces.messaging.vanishing import Vanishing
from kaif.interfaces.messaging.webhooks import Webhooks
from kaif.kernel.actor import Actor, SessionId, UserId
from kaif.kernel.clock import Clock, now_us
from kaif.kernel.ids import new_id
from kaif.services.auth import store as auth_store
from kaif.services.auth.model import Account
from kaif.services.auth.passwords.hashing import SCARCELY_ANY_KIB, HashCost
from kaif.services.auth.tokens import new_signing_key

NEVER_S = 1e6

# Nobody guesses at the passwords of tests; at the least that the settings allow, hashing them is half of a test's time.
NEXT_TO_NOTHING = HashCost(memory_kib=SCARCELY_ANY_KIB, passes=1)


class Services(NamedTuple):
    """Each use case by its interface."""

    database: Database
    cache: Cache
    auth: Auth
    factors: SecondFactors
    roles: Roles
    audit: Audit
    messaging: Messaging
    administration: Administration
    purging: Purging
    invitations: ChatInvitations
    order: OwnOrder
    sessions: Sessions
    passkeys: Passkeys
    accounts: Accounts
    api_keys: ApiKeys
    actions: MessageActions
    privacy: Privacy
    first_contacts: FirstContacts
    reports: Reports
    history: History
    requirement: FactorRequirement
    directory: Directory
    polls: Polls
    sharing: Sharing
    digest_letters: DigestLetters
    lookalikes: LookalikesFinder
    dates: Dates
    commands: Commands
    callbacks: Callbacks
    webhooks: Webhooks
    bots: Bots
    topics: GroupTopics
    moving: Moving
    scheduled: ScheduledMessages
    reminders: MessageReminders
    vanishing: Vanishing
    own_data: OwnMessaging
    last_seen: LastSeen
    posts: ChannelPosts
    discussions: Discussions
    previews: LinkPreviews
    attachments: Attachments
    avatars: Avatars
    chat_pictures: ChatPictures
    # Only where it was asked for.
    media: Wired

    async def newcomer(self, name: str, display_name: str = "") -> Actor:
        """An account made without the slow hash, for tests that are not about signing up."""
        account = Account(UserId(new_id()), name, f"{name}@example.org", display_name or name, "no password", now_us())
        async with self.database.transaction() as tx:
            await auth_store.add_account(tx, account)
        return Actor(account.id, SessionId(new_id()))

    async def newcomers(self, *names: str) -> list[Actor]:
        return [await self.newcomer(name) for name in names]


_WIRED = {name: kind for name, kind in get_type_hints(Services).items() if name != "media"}


@asynccontextmanager
async def wired_services(
    folder: Path,
    database_url: str,
    setup_code: str = "set-up-code",
    clock: Clock = now_us,
    public_url: str = "",
    pages: Pages | None = None,
    limits_scale: float = 1000,
    *,
    with_media: bool = False,
    hash_cost: HashCost = NEXT_TO_NOTHING,
) -> AsyncIterator[Services]:
    """With media the folder keeps its files, and its clock is messaging's."""
    environment = {
        "KAIF_DATABASE_URL": database_url,
        "KAIF_SETUP_CODE": setup_code,
        "KAIF_SIGNING_KEY": new_signing_key(),
        "KAIF_AUDIT_KEY": "a key of the audit log",
        "KAIF_PUBLIC_URL": public_url,
    }
    settings = read_settings(folder, "127.0.0.1", 0, environment)
    later, pictures = compose.FutureMessaging(), compose.FuturePictures()
    async with (
        compose.database_of(settings) as database,
        compose.cache_of(settings) as cache,
        auth_services(
            settings, database, cache, clock, pictures=pictures if with_media else None, hash_cost=hash_cost
        ) as auths,
        _media(folder, settings, database, cache, later, auths, clock, wanted=with_media) as medias,
        messaging_services(
            database,
            cache,
            auths[Auth],
            auths[Sessions],
            auths[Staff],
            clock,
            pages=pages,
            limits_scale=limits_scale,
            files=medias.get(References),
            pictures=medias.get(PagePictures),
        ) as messagings,
    ):
        later.services, pictures.services = messagings, medias
        wired = {Database: database, Cache: cache, **auths, **messagings}
        yield Services(media=medias, **{name: wired[kind] for name, kind in _WIRED.items()})


@asynccontextmanager
async def _media(
    folder: Path,
    settings: Settings,
    database: Database,
    cache: Cache,
    later: compose.FutureMessaging,
    auths: Wired,
    clock: Clock,
    *,
    wanted: bool,
) -> AsyncIterator[Wired]:
    if not wanted:
        yield {}
        return
    keys = folder / "media-keys"
    if not keys.exists():
        keys.write_text(new_key(1))
    settings = msgspec.structs.replace(settings, media_keys_url=f"file:{keys}")
    async with media_services(
        settings, database, cache, later, auths[Auth], auths[Roles], clock, NEVER_S, messages=later
    ) as medias:
        yield medias
