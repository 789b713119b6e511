"""The HTTP surface of messaging."""

from kaif.interfaces.messaging import READ_SCOPE, SEND, WRITE_SCOPE, Messaging
from kaif.interfaces.messaging.actions import ACT, MessageActions
from kaif.kernel.http import Route, delete, get, post
from kaif.kernel.limits import Limit

CREATE = Limit("create_chat", per_minute=60, burst=60)
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

# The interfaces of messaging, and the routes on which the world reaches them.
SURFACE: list[tuple[type, list[Route]]] = [(Messaging, ROUTES), (MessageActions, ACTIONS)]
