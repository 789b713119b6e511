"""A peer that accepts every connection and resets it at once."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

ADDRESS = "127.0.0.1"


@contextlib.contextmanager
def peer_that_resets() -> Iterator[int]:
    """The port at which it listens."""
    with socket.create_server((ADDRESS, 0)) as listening:
        threading.Thread(target=_reset_all, args=(listening,), daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def _reset_all(listening: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listening.accept()
            with connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
