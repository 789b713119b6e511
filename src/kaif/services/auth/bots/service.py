"""What people do with their bots; each method is one transaction."""

from kaif.engines.cache import Cache
from kaif.engines.database import AlreadyExists, Database, Reads, Transaction
from kaif.interfaces.auth import Nothing, PersonChanged, UsernameImitates, UsernameTaken
from kaif.interfaces.auth.bots import (
    BOT_KEY_DAYS,
    BOTS_MAX,
    AskedBots,
    Bot,
    BotList,
    BotNotFound,
    BotWithKey,
    MakeBot,
    OfBot,
    RenameBot,
    TooManyBots,
    WorkingBots,
)
from kaif.kernel.actor import Actor, Scope, UserId
from kaif.kernel.clock import Clock
from kaif.kernel.ids import new_id
from kaif.services.auth import model, store
from kaif.services.auth.accounts import people
from kaif.services.auth.accounts.erasing import erase_account
from kaif.services.auth.api_keys import store as stored_keys
from kaif.services.auth.audit.log import AuditLog
from kaif.services.auth.bots import store as bots_store
from kaif.services.auth.bots.store import StoredBot
from kaif.services.auth.factors.stepping_up import require_recent_authentication
from kaif.services.auth.letters.telling import tell
from kaif.services.auth.model import NO_PASSWORD, Account
from kaif.services.auth.sessions.announcing import announce_ends


class BotsService:
    def __init__(
        self, database: Database, cache: Cache, audit: AuditLog, clock: Clock, scopes: frozenset[Scope]
    ) -> None:
        """`scopes` are what every bot's key opens."""
        self._database, self._cache, self._audit, self._clock = database, cache, audit, clock
        self._scopes = sorted(scopes)

    async def list_bots(self, actor: Actor, request: Nothing) -> BotList:
        bots = await bots_store.of_owner(self._database, actor.user_id)
        return BotList([await bots_store.seen(self._database, bot) for bot in bots])

    async def make_bot(self, actor: Actor, request: MakeBot) -> BotWithKey:
        now_us, bot_id, username = self._clock(), UserId(new_id()), request.username.lower()
        name = model.display_name_of(request.display_name, request.username)
        # No letter is ever sent there, and nobody can register it.
        account = Account(bot_id, username, f"bot-{bot_id}", name, NO_PASSWORD, now_us, kind="bot")
        try:
            async with self._database.transaction() as tx:
                await self._lock_owner(tx, actor)
                await require_recent_authentication(tx, actor, now_us)
                if len(await bots_store.of_owner(tx, actor.user_id)) >= BOTS_MAX:
                    raise TooManyBots
                await store.add_account(tx, account)
                await bots_store.add(tx, bot_id, actor.user_id, now_us)
                await tx.publish(PersonChanged(person=account.person))
                made = await self._give_key(tx, actor.user_id, await self._get(tx, actor, bot_id), now_us)
                await self._audit.record(tx, actor, "bot_made", bot_id)
        except AlreadyExists:
            taken = await store.is_username_taken(self._database, username)
            raise (UsernameTaken if taken else UsernameImitates)(path="$.username") from None
        return made

    async def rename_bot(self, actor: Actor, request: RenameBot) -> Bot:
        async with self._database.transaction() as tx:
            bot = await self._get(tx, actor, request.bot_id)
            account = await store.locked_account(tx, bot.id)
            if account is None:
                raise BotNotFound
            name = model.display_name_of(request.display_name, account.username)
            renamed = model.renamed(account, name)
            await people.rename(tx, renamed)
            await tx.publish(PersonChanged(person=renamed.person))
            return await bots_store.seen(tx, await self._get(tx, actor, bot.id))

    async def renew_bot_key(self, actor: Actor, request: OfBot) -> BotWithKey:
        now_us = self._clock()
        async with self._database.transaction() as tx:
            await self._lock_owner(tx, actor)
            bot = await self._get(tx, actor, request.bot_id)
            await require_recent_authentication(tx, actor, now_us)
            ended = await stored_keys.revoke_all(tx, bot.id, now_us)
            renewed = await self._give_key(tx, actor.user_id, bot, now_us)
            await self._audit.record(tx, actor, "bot_key_renewed", bot.id)
        await announce_ends(self._cache, ended)
        return renewed

    async def revoke_bot_key(self, actor: Actor, request: OfBot) -> Bot:
        async with self._database.transaction() as tx:
            bot = await self._get(tx, actor, request.bot_id)
            ended = await stored_keys.revoke_all(tx, bot.id, self._clock())
            if ended:
                await self._audit.record(tx, actor, "bot_key_revoked", bot.id)
        await announce_ends(self._cache, ended)
        return await bots_store.seen(self._database, bot)

    async def delete_bot(self, actor: Actor, request: OfBot) -> Nothing:
        now_us = self._clock()
        async with self._database.transaction() as tx:
            await self._lock_owner(tx, actor)
            bot = await self._get(tx, actor, request.bot_id)
            await require_recent_authentication(tx, actor, now_us)
            account = await store.locked_account(tx, bot.id)
            erased = await erase_account(tx, account, now_us) if account else None
            if erased is None:
                raise BotNotFound
            await self._audit.record(tx, actor, "bot_deleted", bot.id)
        await announce_ends(self._cache, erased.ended)
        return Nothing()

    async def allow_webhook(self, actor: Actor, request: OfBot) -> Nothing:
        async with self._database.transaction() as tx:
            await self._require_itself_or_owner(tx, actor, request.bot_id)
            if actor.user_id != request.bot_id:
                await require_recent_authentication(tx, actor, self._clock())
            await self._audit.record(tx, actor, "bot_webhook_set", request.bot_id)
        return Nothing()

    async def note_webhook_removed(self, actor: Actor, request: OfBot) -> Nothing:
        async with self._database.transaction() as tx:
            await self._require_itself_or_owner(tx, actor, request.bot_id)
            await self._audit.record(tx, actor, "bot_webhook_removed", request.bot_id)
        return Nothing()

    async def get_working_bots(self, actor: Actor, request: AskedBots) -> WorkingBots:
        return WorkingBots(await bots_store.working_among(self._database, request.bot_ids, self._clock()))

    async def _require_itself_or_owner(self, tx: Transaction, actor: Actor, bot_id: UserId) -> None:
        """Raises BotNotFound."""
        if actor.user_id == bot_id and await bots_store.owner_of(tx, bot_id):
            return
        await self._lock_owner(tx, actor)
        await self._get(tx, actor, bot_id)

    async def _lock_owner(self, tx: Transaction, actor: Actor) -> None:
        """Of two things done at once the second sees the first; and whoever ends the account or the session holds this
        row."""
        model.present(await store.locked_account(tx, actor.user_id))

    async def _get(self, reads: Reads, actor: Actor, bot_id: UserId) -> StoredBot:
        bot = await bots_store.find(reads, actor.user_id, bot_id)
        if bot is None:
            raise BotNotFound
        return bot

    async def _give_key(self, tx: Transaction, owner_id: UserId, bot: StoredBot, now_us: int) -> BotWithKey:
        key, secret = stored_keys.new_key(bot.id, bot.username, self._scopes, now_us, BOT_KEY_DAYS)
        await stored_keys.add(tx, key, model.hash_of(secret))
        # By its username, which is nobody else's words.
        await tell(tx, owner_id, "bot_key_made", {"bot": f"@{bot.username}"})
        return BotWithKey(await bots_store.seen(tx, bot), secret)
