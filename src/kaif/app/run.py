"""Runs a process of ours until it is asked to stop."""

import asyncio
import contextlib
import errno
import gc
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import msgspec
import uvloop

from kaif.app import compose
from kaif.app.archive import swap_in_pending
from kaif.app.folder import DataFolder
from kaif.app.settings import Misconfigured, Settings
from kaif.gateway.access_log import Sink
from kaif.gateway.server import listen

ACCESS_LOG_BYTES_MAX = 64 << 20

Say = Callable[[str], None]


def up(settings: Settings, say: Say) -> None:
    """`kaif up`. Starts again by itself when a restored archive waits."""
    # One that comes before it can be heeded waits, also for the program that takes this one's place.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    if _up(settings, say):
        os.execv(sys.executable, [sys.executable, "-m", "kaif.app.cli", *sys.argv[1:]])  # noqa: S606


def _up(settings: Settings, say: Say) -> bool:
    """True when the process should start again."""
    folder = DataFolder(settings.data)
    if kept := swap_in_pending(settings.data):
        say(f"The restored data is in place; what was there before is in {kept}.")
    listener = listen_or_explain(settings)
    port = listener.getsockname()[1]
    settings = folder.settings(msgspec.structs.replace(settings, port=port))
    folder.media_keys()
    folder.announce(settings.listening_url)
    again = False

    async def main() -> None:
        nonlocal again
        async with _signals() as (stop, hang_up):
            with _access_log(settings.data / "logs" / "access.jsonl") as log:
                await compose.run_everything(settings, listener, log, stop, lambda new: _say_hello(settings, new, say))
            again = hang_up.is_set()

    try:
        uvloop.run(main())
    finally:
        folder.release()
    return again


def serve(role: str, settings: Settings, say: Say) -> None:
    """`kaif serve ROLE`: one service of the system, logging to standard output."""
    uvloop.run(_serve(role, settings, say))


async def _serve(role: str, settings: Settings, say: Say) -> None:
    async with _signals() as (stop, _):

        def started(needs_setup: bool) -> None:
            _say_hello(settings, needs_setup and role == "auth", say, role)

        match role:
            case "gateway":
                listener = listen_or_explain(settings)
                await compose.run_gateway(settings, listener, sys.stdout.buffer, stop, started)
            case "auth":
                if not settings.signing_key:
                    raise Misconfigured("KAIF_SIGNING_KEY or KAIF_SIGNING_KEY_FILE must hold a key: see `kaif keys`.")
                if len(settings.audit_key) < 32:
                    raise Misconfigured(
                        "KAIF_AUDIT_KEY or KAIF_AUDIT_KEY_FILE must hold 32 or more characters that never change."
                    )
                await compose.run_auth(settings, stop, started)
            case "messaging":
                await compose.run_messaging(settings, stop, started)
            case "media":
                await compose.run_media(settings, stop, started)
            case "search":
                await compose.run_search(settings, stop, started)


def _spare_the_collector() -> None:
    """What was made at the start stays; only cycles made since are looked for, and less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _say_hello(settings: Settings, needs_setup: bool, say: Say, role: str = "up") -> None:
    _spare_the_collector()
    if role in ("up", "gateway"):
        say(f"Kaif Ozero is running: {settings.public_url}")
    else:
        say(f"Kaif Ozero {role} is listening on {settings.host}:{settings.port}")
    if needs_setup:
        base = settings.public_url if role == "up" else ""
        say(f"Make the first account, the operator's, with this one-time link: {base}/setup#{settings.setup_code}")


@contextlib.asynccontextmanager
async def _signals() -> AsyncIterator[tuple[asyncio.Event, asyncio.Event]]:
    """Set when the process should stop (INT, TERM); both are set when it should start again (HUP)."""
    stop, hang_up = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def again() -> None:
        hang_up.set()
        stop.set()

    loop.add_signal_handler(signal.SIGINT, stop.set)
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGHUP, again)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    try:
        yield stop, hang_up
    finally:
        # From here to the next start a HUP waits; to threads, whose masks are their own, it must do nothing.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        loop.remove_signal_handler(signal.SIGHUP)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


@contextlib.contextmanager
def _access_log(path: Path) -> Iterator[Sink]:
    """The log's file; a long one becomes the old one, which takes the place of an older."""
    path.parent.mkdir(exist_ok=True)
    if path.exists() and path.stat().st_size > ACCESS_LOG_BYTES_MAX:
        path.replace(path.with_suffix(".1.jsonl"))
    with path.open("ab", buffering=0) as file:
        yield file


def listen_or_explain(settings: Settings) -> socket.socket:
    try:
        return listen(settings.host, settings.port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Misconfigured(f"Port {settings.port} is taken by another program: choose one with --port.") from error
        raise Misconfigured(f"{settings.host}:{settings.port} can't be listened on: {error.strerror}.") from error


class JsonLines(logging.Formatter):
    """Log records as JSON, so that no value can start a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        line = {"at": round(record.created, 6), "level": record.levelname.lower(), "logger": record.name}
        line["message"] = record.getMessage()
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
