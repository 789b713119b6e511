"""Messaging, wired: its services, what works in the background beside them, and the news that they follow."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from kaif.app.surface import Services
from kaif.engines.bus import Bus
from kaif.engines.bus.outbox import OutboxBus
from kaif.engines.cache import Cache
from kaif.engines.database import Database
from kaif.engines.web.pages import Pages
from kaif.interfaces.auth import Auth, PersonChanged
from kaif.interfaces.auth.sessions import Sessions
from kaif.interfaces.auth.staff import Staff
from kaif.interfaces.media import MediaReady
from kaif.interfaces.media.progress import MediaProgressed
from kaif.interfaces.messaging import ChatId, CreateChat, Messaging
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
from kaif.interfaces.personal_data import PersonErased
from kaif.kernel.actor import Actor
from kaif.kernel.clock import Clock, now_us
from kaif.services import messaging
from kaif.services.messaging.attachments.attaching import Attaching, HoldsFiles, NoFiles
from kaif.services.messaging.attachments.service import AttachmentsService
from kaif.services.messaging.bots.callbacks import CallbacksService
from kaif.services.messaging.bots.commands import CommandsService
from kaif.services.messaging.cards.polls import PollsService
from kaif.services.messaging.cards.sharing import SharingService
from kaif.services.messaging.cards.tallying import Tally
from kaif.services.messaging.chats.administration import AdministrationService
from kaif.services.messaging.chats.knowing import Acquaintance
from kaif.services.messaging.chats.membership import Membership
from kaif.services.messaging.chats.order import OwnOrderService
from kaif.services.messaging.chats.pictures import ChatPicturesService
from kaif.services.messaging.chats.purging import PurgingService
from kaif.services.messaging.discussions.commenting import Commenting
from kaif.services.messaging.discussions.counting import PostCounting
from kaif.services.messaging.discussions.posts import ChannelPostsService
from kaif.services.messaging.discussions.service import DiscussionsService
from kaif.services.messaging.due.model import DueKind
from kaif.services.messaging.due.queue import Deed, DueQueue
from kaif.services.messaging.due.reminding import MessageRemindersService
from kaif.services.messaging.due.scheduling import ScheduledMessagesService
from kaif.services.messaging.due.vanishing import VanishingService
from kaif.services.messaging.events import ChatDeleted, PurgeAsked, TopicDeleted
from kaif.services.messaging.history.service import HistoryService
from kaif.services.messaging.invitations.service import ChatInvitationsService
from kaif.services.messaging.messages.actions import MessageActionsService
from kaif.services.messaging.messages.dates import DatesService
from kaif.services.messaging.messages.mention_bounds import MentionBounds
from kaif.services.messaging.own_data.service import OwnMessagingDataService
from kaif.services.messaging.previews.linking import LinkPlan
from kaif.services.messaging.previews.page_summaries import PageSummaries
from kaif.services.messaging.previews.picturing import KeepsPictures, PictureFinder, PictureRelease
from kaif.services.messaging.previews.previewing import Previewer
from kaif.services.messaging.previews.service import LinkPreviewsService
from kaif.services.messaging.privacy.first_contact import FirstContactsService
from kaif.services.messaging.privacy.last_seen import LastSeenService
from kaif.services.messaging.privacy.lookalikes import LookalikesService
from kaif.services.messaging.privacy.service import PrivacyService
from kaif.services.messaging.reactions import Reactions
from kaif.services.messaging.reports.service import ReportsService
from kaif.services.messaging.reports.suspending import Suspension
from kaif.services.messaging.sending.announcing import Announcer
from kaif.services.messaging.sending.pace_sharing import PaceSharing
from kaif.services.messaging.sending.pacing import Pace
from kaif.services.messaging.sending.sender import Sender
from kaif.services.messaging.service import MessagingService
from kaif.services.messaging.topics.ending import TopicEnding
from kaif.services.messaging.topics.moving import MovingService
from kaif.services.messaging.topics.service import GroupTopicsService
from kaif.services.messaging.webhooks.incoming import WebhooksService

MIGRATIONS = Path(messaging.__file__).parent / "migrations"


@asynccontextmanager
async def messaging_services(
    database: Database,
    cache: Cache,
    auth: Auth,
    sessions: Sessions,
    staff: Staff,
    clock: Clock = now_us,
    *,
    pages: Pages | None = None,
    limits_scale: float = 1.0,
    files: HoldsFiles | None = None,
    pictures: KeepsPictures | None = None,
) -> AsyncIterator[Services]:
    """Without `pages` no links are looked up; without `files` nothing is attached to messages, without
    `pictures` pages are shown by words alone."""
    await database.migrate("messaging", MIGRATIONS)
    announcer = Announcer(cache)
    links = LinkPlan(on=pages is not None)
    pace = Pace(limits_scale)
    sharing = PaceSharing(pace, cache)
    counting = PostCounting(database, announcer, clock)
    sender = Sender(database, announcer, links, pace, clock, on_comments=counting.note_comments)
    bus: Bus = OutboxBus(database)
    attaching = Attaching(database, files or NoFiles(), announcer, clock)
    reactions = Reactions(database, clock)
    acquaintance = Acquaintance(database, announcer)
    bus.subscribe("messaging.people", PersonChanged, acquaintance.remember_person)
    bus.subscribe("messaging.people", PersonErased, reactions.forget_person)
    bus.subscribe("messaging.chats", ChatDeleted, reactions.sweep_chat)
    actions = MessageActionsService(database, announcer, sender, attaching, links, clock, counting.note_comments)
    bus.subscribe("messaging.topics", TopicDeleted, TopicEnding(database, actions.erase, clock).delete_messages)
    purging = PurgingService(database, auth, announcer, actions.erase, clock)
    bus.subscribe("messaging.purges", PurgeAsked, purging.delete_messages)
    bus.subscribe("messaging.files", MediaReady, attaching.renew)
    bus.subscribe("messaging.progress", MediaProgressed, attaching.tell_progress)
    commenting = Commenting(database, auth, announcer, sender, attaching, links, clock)
    scheduled = ScheduledMessagesService(database, auth, announcer, sender, attaching, commenting, clock)
    chats = MessagingService(database, auth, announcer, sender, attaching, clock)

    async def open_saved(actor: Actor) -> ChatId:
        return (await chats.create_chat(actor, CreateChat("saved"))).id

    reminders = MessageRemindersService(database, open_saved, announcer, sender, clock)
    vanishing = VanishingService(database, announcer, clock, counting.note_comments)
    deeds: dict[DueKind, Deed] = {
        "message": scheduled.send_due,
        "reminder": reminders.remind_due,
        "vanish": vanishing.vanish_due,
        "files": attaching.release_due,
        "picture": PictureRelease(database, files or NoFiles(), clock).release_due,
    }
    queue = DueQueue(database, deeds, clock)
    tally = Tally(database, announcer, clock)
    mentions = MentionBounds(database)
    finder = PictureFinder(database, pages, pictures, clock) if pages and pictures else None
    summaries = PageSummaries(database, pages, finder, clock) if pages else None
    previewer = Previewer(database, announcer, links, summaries, clock) if summaries else None
    await bus.start()
    announcer.start()
    await sharing.start()
    queue.start()
    tally.start()
    mentions.start()
    counting.start()
    acquaintance.start()
    if previewer:
        previewer.start()
    try:
        administration = AdministrationService(database, auth, announcer, clock)
        own_data = OwnMessagingDataService(database, chats, clock)
        suspension = Suspension(database, Membership(auth, clock), announcer)
        chat_pictures = ChatPicturesService(database, auth, announcer, attaching, clock)
        yield {
            Messaging: chats,
            History: HistoryService(database, chats, own_data, clock),
            OwnMessaging: own_data,
            MessageActions: actions,
            Attachments: AttachmentsService(database, clock),
            ChatPictures: chat_pictures,
            Polls: PollsService(database, announcer, commenting, tally, clock),
            Sharing: SharingService(database, auth, commenting, clock),
            Administration: administration,
            Purging: purging,
            ChatInvitations: ChatInvitationsService(database, auth, announcer, clock),
            OwnOrder: OwnOrderService(database, announcer, attaching, clock),
            Commands: CommandsService(database, auth, clock),
            Callbacks: CallbacksService(database, announcer, clock),
            Webhooks: WebhooksService(database, auth, announcer, links, pace, clock),
            LinkPreviews: LinkPreviewsService(database, Membership(auth, clock), announcer, summaries, clock),
            GroupTopics: GroupTopicsService(database, auth, announcer, clock),
            Moving: MovingService(database, announcer, pace, clock),
            ScheduledMessages: scheduled,
            MessageReminders: reminders,
            Vanishing: vanishing,
            Privacy: PrivacyService(database, auth, announcer, clock),
            ChannelPosts: ChannelPostsService(database, counting),
            Discussions: DiscussionsService(database, auth, commenting, attaching, clock),
            LastSeen: LastSeenService(database, cache, clock),
            Dates: DatesService(database),
            LookalikesFinder: LookalikesService(database, auth, staff, clock),
            FirstContacts: FirstContactsService(database, announcer, clock),
            Reports: ReportsService(
                database,
                auth,
                sessions,
                staff,
                announcer,
                clock,
                erase=actions.erase,
                ban=administration.ban,
                purge=purging.purge,
                take_picture=chat_pictures.take_down,
                suspend_chat=suspension.suspend,
                restore_chat=suspension.restore,
            ),
        }
    finally:
        if previewer:
            await previewer.close()
        await acquaintance.close()
        await queue.close()
        await tally.close()
        await mentions.close()
        await counting.close()
        await sharing.close()
        await announcer.close()
        await bus.close()
