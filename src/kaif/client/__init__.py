"""A client for programs: bots, bridges, integrations (docs/clients.md).

    async with Client("https://ozero.example", key="kaif_…") as kaif:
        async for entry in kaif.entries():
            await kaif.send(entry.chat_id, "Heard.")

It keeps the four rules of docs/realtime.md, so that its user need not know them: every entry comes once and in the
order of its chat, whatever happens to the network or the server meanwhile, and a message that was sent is stored once.
"""

from kaif.client.client import Client
from kaif.client.errors import ClientError, Closed, Refused, Unreachable
from kaif.client.values import Button, Callback, Chat, Command, Entry, File, Person, Tokens

__all__ = [
    "Button",
    "Callback",
    "Chat",
    "Client",
    "ClientError",
    "Closed",
    "Command",
    "Entry",
    "File",
    "Person",
    "Refused",
    "Tokens",
    "Unreachable",
]
