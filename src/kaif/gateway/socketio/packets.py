"""Packets of Socket.IO, protocol 5, as text: https://socket.io/docs/v4/socket-io-protocol/"""

import re
from typing import Any, NamedTuple

import msgspec

CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR = range(5)

# Type, namespace, number of the acknowledgement, content. Binary packets are none that anybody here answers.
_FORM = re.compile(r"([0-4])(?:(/[^,]{0,64}),)?(\d{1,15})?(.*)", re.DOTALL)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Malformed(Exception):
    pass


class Packet(NamedTuple):
    kind: int
    namespace: str
    ack_id: int | None
    content: Any


def parse(text: str) -> Packet:
    """Raises Malformed."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise Malformed
    kind, namespace, ack_id, content = found.groups()
    try:
        decoded = _decode(content.encode()) if content else None
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
        raise Malformed from None
    return Packet(int(kind), namespace or "/", None if ack_id is None else int(ack_id), decoded)


def packet(kind: int, content: Any, ack_id: int | None = None, namespace: str = "/") -> str:
    prefix = "" if namespace == "/" else f"{namespace},"
    return f"{kind}{prefix}{'' if ack_id is None else ack_id}{_encode(content).decode()}"
