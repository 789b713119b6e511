"""The HTTP surface of messaging."""

from kaif.interfaces.auth.roles import HANDLE_REPORTS
from kaif.interfaces.messaging import READ_SCOPE, SEND, WRITE_SCOPE, Messaging
from kaif.interfaces.messaging.actions import ACT, MessageActions
from kaif.interfaces.messaging.administration import Administration
from kaif.interfaces.messaging.attachments import Attachments
from kaif.interfaces.messaging.bots import PRESS, Callbacks, Commands
from kaif.interfaces.messaging.dates import Dates
from kaif.interfaces.messaging.digests import Digests
from kaif.interfaces.messaging.discussions import Discussions
from kaif.interfaces.messaging.first_contact import FirstContacts
from kaif.interfaces.messaging.history import EXPORT, History
from kaif.interfaces.messaging.invitations import ChatInvitations
from kaif.interfaces.messaging.last_seen import LOOK_FOR, LastSeen
from kaif.interfaces.messaging.lookalikes import LOOK_ALIKE, LookalikesFinder
from kaif.interfaces.messaging.moving import Moving
from kaif.interfaces.messaging.notifications import Notifications
from kaif.interfaces.messaging.order import OwnOrder
from kaif.interfaces.messaging.outgoing_webhooks import OutgoingWebhooks
from kaif.interfaces.messaging.own_data import OwnMessaging
from kaif.interfaces.messaging.phones import PhoneNotifications
from kaif.interfaces.messaging.pictures import ChatPictures
from kaif.interfaces.messaging.polls import VOTE, Polls
from kaif.interfaces.messaging.posts import VIEW, ChannelPosts
from kaif.interfaces.messaging.previews import LinkPreviews
from kaif.interfaces.messaging.privacy import CHANGE_PRIVACY, Privacy
from kaif.interfaces.messaging.purging import Purging
from kaif.interfaces.messaging.reminders import MessageReminders
from kaif.interfaces.messaging.reports import REPORT, Reports
from kaif.interfaces.messaging.scheduled import ScheduledMessages
from kaif.interfaces.messaging.search import SEARCH, Search
from kaif.interfaces.messaging.sharing import Sharing
from kaif.interfaces.messaging.topics import GroupTopics
from kaif.interfaces.messaging.vanishing import Vanishing
from kaif.interfaces.messaging.webhooks import POST_BY_WEBHOOK, Webhooks
from kaif.kernel.http import Route, delete, get, post
from kaif.kernel.limits import Limit

OWN_DATA = Limit("own_messaging_data", per_minute=1, burst=5)
CREATE = Limit("create_chat", per_minute=60, burst=60)
# Everyone in the chat asks for each.
PICTURE = Limit("chat_picture", per_minute=20, burst=20)
# Up to a hundred messages each.
FORWARD = Limit("forward", per_minute=30, burst=10)

ROUTES = [
    post("/v1/messaging/chats", Messaging.create_chat, status=201, limit=CREATE, scope=WRITE_SCOPE),
    get("/v1/messaging/chats", Messaging.list_chats, scope=READ_SCOPE),
    get("/v1/messaging/chats/{chat_id}", Messaging.get_chat, scope=READ_SCOPE),
    post("/v1/messaging/chats/{chat_id}/messages", Messaging.send_message, status=201, limit=SEND, scope=WRITE_SCOPE),
    get("/v1/messaging/chats/{chat_id}/entries", Messaging.list_entries, scope=READ_SCOPE),
    post("/v1/messaging/chats/{chat_id}/read", Messaging.mark_read, scope=WRITE_SCOPE),
    get("/v1/messaging/chats/{chat_id}/members", Messaging.list_members, scope=READ_SCOPE),
    post("/v1/messaging/chats/{chat_id}/members", Messaging.add_members, limit=CREATE, scope=WRITE_SCOPE),
    delete("/v1/messaging/chats/{chat_id}/members/{user_id}", Messaging.remove_member, scope=WRITE_SCOPE),
]

SEARCH_ROUTES = [
    # What people look for is as much theirs as what they write: it goes in the body, and into no log.
    post("/v1/messaging/search", Search.search_messages, limit=SEARCH, scope=READ_SCOPE),
]

HISTORY_ROUTES = [
    get("/v1/messaging/history", History.export_history, limit=EXPORT, scope=READ_SCOPE),
]

OWN_DATA_ROUTES = [
    get("/v1/messaging/own-data", OwnMessaging.export_own_messaging_data, limit=OWN_DATA),
]

_CHAT = "/v1/messaging/chats/{chat_id}"
_MESSAGE = _CHAT + "/messages/{seq}"

ACTIONS = [
    get(_MESSAGE, MessageActions.get_message, scope=READ_SCOPE),
    post(_MESSAGE + "/edit", MessageActions.edit_message, limit=ACT, scope=WRITE_SCOPE),
    get(_MESSAGE + "/versions", MessageActions.list_versions, scope=READ_SCOPE),
    post(_CHAT + "/messages/delete", MessageActions.delete_messages, status=204, limit=ACT, scope=WRITE_SCOPE),
    post(_CHAT + "/forward", MessageActions.forward_messages, status=201, limit=FORWARD, scope=WRITE_SCOPE),
    get(_MESSAGE + "/reactions", MessageActions.list_reactions, scope=READ_SCOPE),
    post(_MESSAGE + "/reactions", MessageActions.add_reaction, status=204, limit=ACT, scope=WRITE_SCOPE),
    delete(_MESSAGE + "/reactions", MessageActions.remove_reaction, limit=ACT, scope=WRITE_SCOPE),
    get(_MESSAGE + "/readers", MessageActions.list_readers, scope=READ_SCOPE),
    get(_CHAT + "/pins", MessageActions.list_pins, scope=READ_SCOPE),
    post(_MESSAGE + "/pin", MessageActions.pin_message, status=204, limit=ACT, scope=WRITE_SCOPE),
    delete(_MESSAGE + "/pin", MessageActions.unpin_message, limit=ACT, scope=WRITE_SCOPE),
]

ATTACHMENTS_ROUTES = [
    get(_CHAT + "/attachments", Attachments.list_attachments, scope=READ_SCOPE),
    post("/v1/messaging/attachments/places", Attachments.where_sent, scope=READ_SCOPE),
]

CHAT_PICTURES_ROUTES = [
    post(_CHAT + "/avatar", ChatPictures.set_chat_picture, limit=PICTURE, scope=WRITE_SCOPE),
    delete(_CHAT + "/avatar", ChatPictures.remove_chat_picture, scope=WRITE_SCOPE),
    post(_CHAT + "/avatar/take", ChatPictures.take_chat_picture, needs=HANDLE_REPORTS),
]

POLLS_ROUTES = [
    post(_CHAT + "/polls", Polls.send_poll, status=201, limit=SEND, scope=WRITE_SCOPE),
    post(_MESSAGE + "/vote", Polls.vote, limit=VOTE, scope=WRITE_SCOPE),
    post(_MESSAGE + "/close", Polls.close_poll, limit=ACT, scope=WRITE_SCOPE),
    get(_MESSAGE + "/voters", Polls.list_voters, scope=READ_SCOPE),
]

SHARING_ROUTES = [
    post(_CHAT + "/locations", Sharing.send_location, status=201, limit=SEND, scope=WRITE_SCOPE),
    post(_CHAT + "/contacts", Sharing.send_contact, status=201, limit=SEND, scope=WRITE_SCOPE),
]

ADMINISTRATION_ROUTES = [
    post(f"{_CHAT}/settings", Administration.change_chat, limit=CREATE, scope=WRITE_SCOPE),
    get(f"{_CHAT}/members/{{user_id}}", Administration.get_member, scope=READ_SCOPE),
    post(f"{_CHAT}/admins", Administration.appoint_admin, scope=WRITE_SCOPE),
    delete(f"{_CHAT}/admins/{{user_id}}", Administration.dismiss_admin, scope=WRITE_SCOPE),
    post(f"{_CHAT}/restrictions", Administration.restrict_member, scope=WRITE_SCOPE),
    get(f"{_CHAT}/bans", Administration.list_bans, scope=READ_SCOPE),
    post(f"{_CHAT}/bans", Administration.ban_person, status=204, scope=WRITE_SCOPE),
    delete(f"{_CHAT}/bans/{{user_id}}", Administration.unban_person, scope=WRITE_SCOPE),
    post(f"{_CHAT}/owner", Administration.transfer_chat),
    delete(_CHAT, Administration.delete_chat),
]

PURGING_ROUTES = [
    post(f"{_CHAT}/purges", Purging.purge_person, status=204, limit=CREATE, scope=WRITE_SCOPE),
]

# By whoever is outside: secrets can't be guessed, but names can.
LOOK = Limit("preview_chat", per_minute=60, burst=30)

INVITATIONS_ROUTES = [
    post(f"{_CHAT}/links", ChatInvitations.make_link, status=201, limit=CREATE, scope=WRITE_SCOPE),
    get(f"{_CHAT}/links", ChatInvitations.list_links, scope=READ_SCOPE),
    delete(f"{_CHAT}/links/{{link_id}}", ChatInvitations.revoke_link, scope=WRITE_SCOPE),
    post("/v1/messaging/invitations/preview", ChatInvitations.preview_chat, public=True, limit=LOOK),
    post("/v1/messaging/invitations/join", ChatInvitations.join_chat, limit=CREATE, scope=WRITE_SCOPE),
    get(f"{_CHAT}/join-requests", ChatInvitations.list_requests, scope=READ_SCOPE),
    post(f"{_CHAT}/join-requests", ChatInvitations.answer_request, status=204, scope=WRITE_SCOPE),
]

# A draft goes on its way every few seconds while somebody writes.
DRAFT = Limit("draft", per_minute=240, burst=60)

ORDER_ROUTES = [
    post(f"{_CHAT}/order", OwnOrder.arrange_chat, scope=WRITE_SCOPE),
    post(f"{_CHAT}/draft", OwnOrder.keep_draft, limit=DRAFT, scope=WRITE_SCOPE),
    get("/v1/messaging/drafts", OwnOrder.list_drafts, scope=READ_SCOPE),
    get("/v1/messaging/folders", OwnOrder.list_folders, scope=READ_SCOPE),
    post("/v1/messaging/folders", OwnOrder.arrange_folders, scope=WRITE_SCOPE),
]

_TOPIC = _CHAT + "/topics/{topic_id}"

MOVING_ROUTES = [
    post(f"{_CHAT}/messages/move", Moving.move_messages, status=204, limit=ACT, scope=WRITE_SCOPE),
]

TOPICS_ROUTES = [
    post(f"{_CHAT}/topics-switch", GroupTopics.switch_topics, limit=CREATE, scope=WRITE_SCOPE),
    get(f"{_CHAT}/topics", GroupTopics.list_topics, scope=READ_SCOPE),
    post(f"{_CHAT}/topics", GroupTopics.make_topic, status=201, limit=CREATE, scope=WRITE_SCOPE),
    post(_TOPIC, GroupTopics.change_topic, limit=CREATE, scope=WRITE_SCOPE),
    delete(_TOPIC, GroupTopics.delete_topic, scope=WRITE_SCOPE),
    get(f"{_TOPIC}/chosen", GroupTopics.list_chosen, scope=READ_SCOPE),
    post(f"{_TOPIC}/chosen", GroupTopics.choose_in_topic, status=204, limit=CREATE, scope=WRITE_SCOPE),
    post(f"{_TOPIC}/mute", GroupTopics.mute_topic, limit=CREATE, scope=WRITE_SCOPE),
    get(f"{_TOPIC}/restricted", GroupTopics.list_restricted, scope=READ_SCOPE),
    post(f"{_TOPIC}/restricted", GroupTopics.restrict_in_topic, status=204, limit=CREATE, scope=WRITE_SCOPE),
]

# Devices are people's, not programs': none of it is for API keys but what is chosen for a chat.
SUBSCRIBE = Limit("push_subscription", per_minute=10, burst=10)
# Of a client that shows what comes by itself.
SHOWN = Limit("notification_shown", per_minute=240, burst=60)

NOTIFICATIONS_ROUTES = [
    get("/v1/messaging/push-key", Notifications.get_push_key),
    post("/v1/messaging/push-subscriptions", Notifications.subscribe, status=204, limit=SUBSCRIBE),
    delete("/v1/messaging/push-subscriptions", Notifications.unsubscribe),
    post("/v1/messaging/push-subscriptions/shown", Notifications.note_shown, status=204, limit=SHOWN),
    get("/v1/messaging/unread", Notifications.count_unread, scope=READ_SCOPE),
    get("/v1/messaging/notifications", Notifications.get_settings, scope=READ_SCOPE),
    post("/v1/messaging/notifications", Notifications.keep_settings, scope=WRITE_SCOPE),
    get(f"{_CHAT}/notifications", Notifications.get_chat_notifications, scope=READ_SCOPE),
    post(f"{_CHAT}/notifications", Notifications.choose_notifications, scope=WRITE_SCOPE),
]

PHONES_ROUTES = [
    get("/v1/messaging/push-devices", PhoneNotifications.get_phone_services),
    post("/v1/messaging/push-devices", PhoneNotifications.register_phone, status=204, limit=SUBSCRIBE),
]

# Where letters go, and how often, is their reader's alone to say.
DIGESTS_ROUTES = [
    get("/v1/messaging/digest", Digests.get_digest),
    post("/v1/messaging/digest", Digests.choose_digest),
]

# What a program may do with a key is to write and to read; whom its owner deals with is the owner's own choice.
PRIVACY_ROUTES = [
    get("/v1/messaging/privacy", Privacy.get_privacy),
    post("/v1/messaging/privacy", Privacy.change_privacy, limit=CHANGE_PRIVACY),
    get("/v1/messaging/blocked", Privacy.list_blocked),
    get("/v1/messaging/blocked/{user_id}", Privacy.get_block),
    post("/v1/messaging/blocked", Privacy.block_person, status=204, limit=CHANGE_PRIVACY),
    delete("/v1/messaging/blocked/{user_id}", Privacy.unblock_person, limit=CHANGE_PRIVACY),
]

POSTS_ROUTES = [
    post(f"{_CHAT}/views", ChannelPosts.view_posts, limit=VIEW, scope=READ_SCOPE),
]

DISCUSSIONS_ROUTES = [
    get(f"{_CHAT}/discussion", Discussions.get_discussion, scope=READ_SCOPE),
    post(f"{_CHAT}/discussion", Discussions.link_discussion, limit=CREATE, scope=WRITE_SCOPE),
    delete(f"{_CHAT}/discussion", Discussions.unlink_discussion, limit=CREATE, scope=WRITE_SCOPE),
    get(f"{_MESSAGE}/comments", Discussions.list_comments, scope=READ_SCOPE),
    post(f"{_MESSAGE}/comments", Discussions.write_comment, status=201, limit=SEND, scope=WRITE_SCOPE),
]

LAST_SEEN_ROUTES = [
    get("/v1/messaging/people/{user_id}/last-seen", LastSeen.get_last_seen, limit=LOOK_FOR, scope=READ_SCOPE),
]

DATES_ROUTES = [
    get(f"{_CHAT}/date", Dates.find_date, scope=READ_SCOPE),
]

LOOKALIKES_ROUTES = [
    post("/v1/messaging/lookalikes", LookalikesFinder.find_lookalikes, limit=LOOK_ALIKE, scope=READ_SCOPE),
]

FIRST_CONTACT_ROUTES = [
    get(f"{_CHAT}/first-contact", FirstContacts.get_first_contact, scope=READ_SCOPE),
    post(f"{_CHAT}/first-contact/accept", FirstContacts.accept_contact, status=204, scope=WRITE_SCOPE),
]

# A bot says what it offers when it starts, and seldom again.
SET_COMMANDS = Limit("set_commands", per_minute=10, burst=10)

COMMANDS_ROUTES = [
    post("/v1/messaging/commands", Commands.set_commands, limit=SET_COMMANDS, scope=WRITE_SCOPE),
    get(f"{_CHAT}/commands", Commands.list_commands, scope=READ_SCOPE),
]

CALLBACKS_ROUTES = [
    # By people alone: programs would play ping-pong.
    post(_MESSAGE + "/press", Callbacks.press_button, limit=PRESS),
    get("/v1/messaging/callbacks", Callbacks.list_callbacks, scope=READ_SCOPE),
    post(
        "/v1/messaging/callbacks/{callback_id}/answer",
        Callbacks.answer_callback,
        status=204,
        limit=SEND,
        scope=WRITE_SCOPE,
    ),
]

_WEBHOOK = f"{_CHAT}/webhooks/{{webhook_id}}"

WEBHOOKS_ROUTES = [
    get(f"{_CHAT}/webhooks", Webhooks.list_webhooks),
    post(f"{_CHAT}/webhooks", Webhooks.make_webhook, status=201, limit=CREATE),
    post(_WEBHOOK, Webhooks.change_webhook, limit=CREATE),
    post(f"{_WEBHOOK}/address", Webhooks.renew_webhook, limit=CREATE),
    delete(_WEBHOOK, Webhooks.revoke_webhook),
    post("/v1/messaging/incoming/{secret}", Webhooks.post_by_webhook, status=201, public=True, limit=POST_BY_WEBHOOK),
]

# For the bot's own key, and for its owner: the service tells the owner's keys apart.
_CALLED = "/v1/messaging/bots/{bot_id}/webhook"
CALL = Limit("outgoing_webhook", per_minute=10, burst=10)

OUTGOING_WEBHOOKS_ROUTES = [
    get(_CALLED, OutgoingWebhooks.get_outgoing_webhook, scope=READ_SCOPE),
    post(_CALLED, OutgoingWebhooks.set_outgoing_webhook, limit=CALL, scope=WRITE_SCOPE, wants_origin=True),
    post(f"{_CALLED}/resume", OutgoingWebhooks.resume_outgoing_webhook, limit=CALL, scope=WRITE_SCOPE),
    delete(_CALLED, OutgoingWebhooks.remove_outgoing_webhook, limit=CALL, scope=WRITE_SCOPE, wants_origin=True),
]

_REPORT = "/v1/messaging/reports/{report_id}"

REPORTS_ROUTES = [
    post("/v1/messaging/reports", Reports.file_report, status=201, limit=REPORT),
    get("/v1/messaging/own-reports", Reports.list_own_reports),
    get("/v1/messaging/reports", Reports.list_reports, needs=HANDLE_REPORTS),
    get("/v1/messaging/open-reports", Reports.count_reports, needs=HANDLE_REPORTS),
    get(_REPORT, Reports.get_report, needs=HANDLE_REPORTS),
    post(f"{_REPORT}/take", Reports.take_report, needs=HANDLE_REPORTS),
    post(f"{_REPORT}/decide", Reports.decide_report, needs=HANDLE_REPORTS),
    post(f"{_REPORT}/restore", Reports.restore_chat, needs=HANDLE_REPORTS),
]

_SCHEDULED = "/v1/messaging/scheduled"

SCHEDULED_ROUTES = [
    post(f"{_CHAT}/scheduled", ScheduledMessages.schedule_message, status=201, limit=SEND, scope=WRITE_SCOPE),
    get(_SCHEDULED, ScheduledMessages.list_scheduled, scope=READ_SCOPE),
    post(f"{_SCHEDULED}/{{scheduled_id}}", ScheduledMessages.change_scheduled, limit=SEND, scope=WRITE_SCOPE),
    delete(f"{_SCHEDULED}/{{scheduled_id}}", ScheduledMessages.delete_scheduled, scope=WRITE_SCOPE),
    post(f"{_SCHEDULED}/{{scheduled_id}}/send", ScheduledMessages.send_scheduled, limit=SEND, scope=WRITE_SCOPE),
]

REMINDERS_ROUTES = [
    post(f"{_MESSAGE}/reminders", MessageReminders.remind_me, status=201, limit=ACT, scope=WRITE_SCOPE),
    get("/v1/messaging/reminders", MessageReminders.list_reminders, scope=READ_SCOPE),
    delete("/v1/messaging/reminders/{reminder_id}", MessageReminders.delete_reminder, scope=WRITE_SCOPE),
]

VANISHING_ROUTES = [post(f"{_CHAT}/timer", Vanishing.set_timer, limit=CREATE, scope=WRITE_SCOPE)]

# Each may have us ask a site: as often as somebody writes links, not as a tool might.
LOOK_AT_LINK = Limit("look_at_link", per_minute=20, burst=15)

PREVIEWS_ROUTES = [
    get("/v1/messaging/previews", LinkPreviews.get_previews_here, scope=READ_SCOPE),
    post(f"{_CHAT}/previews", LinkPreviews.switch_previews, limit=CREATE, scope=WRITE_SCOPE),
    post(f"{_CHAT}/previews/look", LinkPreviews.look_at_link, limit=LOOK_AT_LINK, scope=WRITE_SCOPE),
    delete(_MESSAGE + "/preview", LinkPreviews.remove_preview, limit=ACT, scope=WRITE_SCOPE),
]

# The interfaces of messaging, and the routes on which the world reaches them.
SURFACE: list[tuple[type, list[Route]]] = [
    (Messaging, ROUTES),
    (MessageActions, ACTIONS),
    (Attachments, ATTACHMENTS_ROUTES),
    (ChatPictures, CHAT_PICTURES_ROUTES),
    (Polls, POLLS_ROUTES),
    (Sharing, SHARING_ROUTES),
    (Administration, ADMINISTRATION_ROUTES),
    (Purging, PURGING_ROUTES),
    (ChatInvitations, INVITATIONS_ROUTES),
    (OwnOrder, ORDER_ROUTES),
    (GroupTopics, TOPICS_ROUTES),
    (Moving, MOVING_ROUTES),
    (ScheduledMessages, SCHEDULED_ROUTES),
    (MessageReminders, REMINDERS_ROUTES),
    (Vanishing, VANISHING_ROUTES),
    (LinkPreviews, PREVIEWS_ROUTES),
    (Notifications, NOTIFICATIONS_ROUTES),
    (PhoneNotifications, PHONES_ROUTES),
    (Digests, DIGESTS_ROUTES),
    (Privacy, PRIVACY_ROUTES),
    (FirstContacts, FIRST_CONTACT_ROUTES),
    (LookalikesFinder, LOOKALIKES_ROUTES),
    (ChannelPosts, POSTS_ROUTES),
    (Discussions, DISCUSSIONS_ROUTES),
    (LastSeen, LAST_SEEN_ROUTES),
    (Dates, DATES_ROUTES),
    (Reports, REPORTS_ROUTES),
    (Commands, COMMANDS_ROUTES),
    (Callbacks, CALLBACKS_ROUTES),
    (Webhooks, WEBHOOKS_ROUTES),
    (OutgoingWebhooks, OUTGOING_WEBHOOKS_ROUTES),
    (Search, SEARCH_ROUTES),
    (History, HISTORY_ROUTES),
    (OwnMessaging, OWN_DATA_ROUTES),
]
