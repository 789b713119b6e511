"""What is measured, between whom, and what we aim at.

A figure is compared only with figures of the same suite, taken in the same rounds on the same cores.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench import idling, loads, sign_ins, uploads
from bench.contenders import HALL_SIZE_MAX, Account, Contender, Server
from bench.engines import Engines
from bench.kaif import PASSWORD, Kaif
from bench.kaif_services import KaifServices
from bench.loads import Duration, Figures
from bench.node import NodePeer, World, make_world

SOCKETIO_PATH = "/socket.io/?EIO=4&transport=websocket"

KAIF_SQLITE = "Kaif on SQLite"
KAIF_POSTGRES = "Kaif on PostgreSQL"
KAIF_SERVICES = "Kaif as services"
EXPRESS = "Express + jsonwebtoken"
EXPRESS_PG = "Express + jsonwebtoken + pg"
FASTIFY = "Fastify + fast-jwt"
FASTIFY_PG = "Fastify + fast-jwt + pg"
SOCKETIO = "Socket.IO + INSERT + Redis"
WS = "ws + group commit"
HALL_DEVICES = 1000
# Of suites that say by themselves what they compare with.
NO_BASELINE = ""


@dataclass(frozen=True)
class Sizes:
    """How much of everything; `processes_for_sockets` are needed to hold all idle connections."""

    people: int
    http_connections: int
    idle_connections: int
    messages: int
    rate_per_s: int
    crowd: int
    duration: Duration
    processes_for_sockets: int = 1


@dataclass(frozen=True)
class Target:
    """What our own contenders should reach: a ratio to the baseline, or an absolute bound."""

    ours: tuple[str, ...]
    at_least_times: float | None = None
    at_least: float | None = None
    at_most: float | None = None

    def words(self) -> str:
        """The target as a table shows it."""
        if self.at_least_times:
            return f"≥ {self.at_least_times:g}×"
        return f"≥ {self.at_least:,g}" if self.at_least else f"≤ {self.at_most:g}"

    def is_met(self, value: float, ratio: float) -> bool:
        """Whether a median, with its ratio to the baseline's, reaches the target."""
        if self.at_least_times:
            return ratio >= self.at_least_times
        if self.at_least:
            return value >= self.at_least
        return self.at_most is not None and value <= self.at_most


@dataclass(frozen=True)
class Suite:
    """One question: `figure` is compared, `beside` is shown with it."""

    name: str
    question: str
    figure: str
    unit: str
    beside: tuple[str, ...]
    baseline: str
    contenders: tuple[str, ...]
    target: Target
    measure: Callable[[Server, Sizes, Path], Figures]


def _http(server: Server, sizes: Sizes, directory: Path) -> Figures:
    figures = loads.http(server, directory / "tokens", sizes.http_connections, sizes.duration)
    return figures | {"server_us_per_request": figures["server_cpu"] / figures["requests_per_s"] * 1e6}


def _rooms(server: Server, sizes: Sizes, directory: Path) -> Figures:
    return _with_cost(loads.sockets(server, "rooms", _in_rooms(server.accounts), sizes.duration))


def _pairs(server: Server, sizes: Sizes, directory: Path) -> Figures:
    in_pairs = [(account, account.pair) for account in server.accounts]
    return _with_cost(loads.sockets(server, "pairs", in_pairs, sizes.duration))


def _hall(server: Server, sizes: Sizes, directory: Path) -> Figures:
    """A thousand devices in one room, several of each person; ten of them speak."""
    people = [account for account in server.accounts if account.hall][:HALL_SIZE_MAX]
    devices = [people[number % len(people)] for number in range(HALL_DEVICES)]
    in_hall = [(account, account.hall) for account in devices]
    return _with_cost(loads.sockets(server, "hall", in_hall, sizes.duration))


def _crowd(server: Server, sizes: Sizes, directory: Path) -> Figures:
    """Without the server: its services and its hub, in a process of their own."""
    return loads.crowd("message", sizes.crowd, sizes.duration)


def _joining(server: Server, sizes: Sizes, directory: Path) -> Figures:
    return loads.crowd("join", sizes.crowd, sizes.duration)


def _rate(server: Server, sizes: Sizes, directory: Path) -> Figures:
    return _with_cost(loads.sockets(server, "rate", _in_rooms(server.accounts), sizes.duration, rate=sizes.rate_per_s))


def _idle(server: Server, sizes: Sizes, directory: Path) -> Figures:
    """Memory that the server's processes gained by holding many connections, each person on many devices."""
    people = server.accounts
    devices = [people[number % len(people)] for number in range(sizes.idle_connections)]
    return idling.hold(server, _in_rooms(devices))


def _logins(server: Server, sizes: Sizes, directory: Path) -> Figures:
    return sign_ins.logins(server, PASSWORD, sizes.duration)


def _others(server: Server, sizes: Sizes, directory: Path) -> Figures:
    return sign_ins.others(server, PASSWORD, sizes.duration)


def _refreshes(server: Server, sizes: Sizes, directory: Path) -> Figures:
    return sign_ins.refreshes(server, PASSWORD, sizes.duration)


def _verification(server: Server, sizes: Sizes, directory: Path) -> Figures:
    """Without the server: what a core verifies that does nothing else."""
    return loads.program("bench.verifying", sizes.duration)


def _search(server: Server, sizes: Sizes, directory: Path) -> Figures:
    """Without the server: its services, in a process of their own."""
    return loads.reading("search", sizes.messages, sizes.duration)


def _history(server: Server, sizes: Sizes, directory: Path) -> Figures:
    return loads.reading("history", sizes.messages * 10, sizes.duration)


def _pictures(server: Server, sizes: Sizes, directory: Path) -> Figures:
    """Without the server: the workers of media, beside sharp by turns."""
    return loads.pictures("variants", sizes.duration)


def _thumbs(server: Server, sizes: Sizes, directory: Path) -> Figures:
    return loads.pictures("thumbs", sizes.duration)


def _films(server: Server, sizes: Sizes, directory: Path) -> Figures:
    return loads.films(directory, sizes.duration)


def _uploads(server: Server, sizes: Sizes, directory: Path) -> Figures:
    """A gigabyte in whole runs."""
    return uploads.compared(server, directory, int(uploads.GB * min(1.0, sizes.duration.measure_s / 5)))


def _in_rooms(accounts: Sequence[Account]) -> list[tuple[Account, str]]:
    return [(account, account.room) for account in accounts]


def _with_cost(figures: Figures) -> Figures:
    return figures | {"server_us_per_message": figures["server_cpu"] / figures["messages_per_s"] * 1e6}


# Of contenders only these hold their sockets in several processes.
SPREAD = (KAIF_SERVICES,)
CHATTERS = (SOCKETIO, WS, KAIF_SQLITE, KAIF_POSTGRES)
OURS = (KAIF_SQLITE, KAIF_POSTGRES)
CHAT_FIGURES = ("deliveries_per_s", "ack_p50_ms", "ack_p95_ms", "server_us_per_message")
HTTP_FIGURES = ("p50_ms", "p95_ms", "server_us_per_request")

SUITES = (
    Suite(
        "http_get",
        "Authenticated GET of one's own account",
        "requests_per_s",
        "requests/s",
        HTTP_FIGURES,
        EXPRESS,
        (EXPRESS, FASTIFY, KAIF_SQLITE),
        Target((KAIF_SQLITE,), at_least_times=6),
        _http,
    ),
    Suite(
        "http_db",
        "Authenticated GET by key from PostgreSQL",
        "requests_per_s",
        "requests/s",
        HTTP_FIGURES,
        EXPRESS_PG,
        (EXPRESS_PG, FASTIFY_PG, KAIF_POSTGRES),
        Target((KAIF_POSTGRES,), at_least_times=8),
        _http,
    ),
    Suite(
        "rooms10",
        "Send, durable, delivered: rooms of ten",
        "messages_per_s",
        "messages/s",
        CHAT_FIGURES,
        SOCKETIO,
        CHATTERS,
        Target(OURS, at_least_times=10),
        _rooms,
    ),
    Suite(
        "pairs",
        "Send, durable, delivered: pairs who answer each other",
        "messages_per_s",
        "messages/s",
        CHAT_FIGURES,
        SOCKETIO,
        CHATTERS,
        Target(OURS, at_least_times=6),
        _pairs,
    ),
    Suite(
        "room1000",
        "Send, durable, delivered: one room with a thousand devices",
        "deliveries_per_s",
        "deliveries/s",
        ("messages_per_s", "ack_p50_ms", "ack_p95_ms", "server_us_per_message"),
        SOCKETIO,
        CHATTERS,
        Target(OURS, at_least_times=10),
        _hall,
    ),
    Suite(
        "idle",
        "Memory of an idle connection",
        "kb_per_connection",
        "KB",
        ("connections",),
        SOCKETIO,
        (*CHATTERS, KAIF_SERVICES),
        Target((*OURS, KAIF_SERVICES), at_most=12),
        _idle,
    ),
    Suite(
        "rate500",
        "Acknowledgement, p95, at 500 messages a second in rooms of ten",
        "ack_p95_ms",
        "ms",
        ("ack_p50_ms", "ack_p99_ms", "delivery_p95_ms", "server_us_per_message"),
        SOCKETIO,
        CHATTERS,
        Target(OURS, at_most=5),
        _rate,
    ),
    Suite(
        "logins",
        "Sign-ins by password on two cores, of what argon2id alone reaches there",
        "share",
        "of the hash alone",
        ("logins_per_s", "hashes_per_s"),
        NO_BASELINE,
        OURS,
        Target(OURS, at_least=0.95),
        _logins,
    ),
    Suite(
        "others",
        "Reading one's own account while sign-ins take all they can of two cores, p95",
        "others_p95_ms",
        "ms",
        ("logins_per_s",),
        NO_BASELINE,
        OURS,
        Target(OURS, at_most=10),
        _others,
    ),
    Suite(
        "refreshes",
        "Refresh tokens exchanged",
        "refreshes_per_s",
        "refreshes/s",
        (),
        NO_BASELINE,
        OURS,
        Target(OURS, at_least=2000),
        _refreshes,
    ),
    Suite(
        "verified",
        "Access tokens verified again",
        "verified_per_s",
        "tokens/s",
        (),
        NO_BASELINE,
        (KAIF_SQLITE,),
        Target((KAIF_SQLITE,), at_least=100_000),
        _verification,
    ),
    Suite(
        "crowd",
        "A message in a huge group of whom 1,000 are here: times its cost in a group of those alone",
        "cost_times",
        "times",
        ("large_us", "small_us"),
        NO_BASELINE,
        (KAIF_SQLITE,),
        Target((KAIF_SQLITE,), at_most=1.2),
        _crowd,
    ),
    Suite(
        "joining",
        "Joining a huge group of whom 1,000 are here by a link, p95",
        "large_join_p95_ms",
        "ms",
        ("large_join_ms", "small_join_ms"),
        NO_BASELINE,
        (KAIF_SQLITE,),
        Target((KAIF_SQLITE,), at_most=100),
        _joining,
    ),
    Suite(
        "search",
        "Search in a million messages, p95",
        "p95_ms",
        "ms",
        ("p50_ms", "indexed_s"),
        NO_BASELINE,
        (KAIF_SQLITE,),
        Target((KAIF_SQLITE,), at_most=20),
        _search,
    ),
    Suite(
        "history",
        "Fifty entries out of ten million, p95",
        "p95_ms",
        "ms",
        ("p50_ms",),
        NO_BASELINE,
        (KAIF_SQLITE,),
        Target((KAIF_SQLITE,), at_most=5),
        _history,
    ),
    Suite(
        "pictures",
        "Three variants of a 12-megapixel JPEG: times as fast as sharp by the code of the first draft",
        "times",
        "times",
        ("cpu_times", "size_percent", "psnr_db"),
        NO_BASELINE,
        (KAIF_SQLITE,),
        Target((KAIF_SQLITE,), at_least=2),
        _pictures,
    ),
    Suite(
        "thumbs",
        "Both small variants of a 12-megapixel JPEG",
        "thumbs_per_s",
        "pictures/s",
        ("thumbs_per_cpu_s",),
        NO_BASELINE,
        (KAIF_SQLITE,),
        Target((KAIF_SQLITE,), at_least=13),
        _thumbs,
    ),
    Suite(
        "films",
        "A film of 1080p into H.264 and AAC: times as fast as ffmpeg with the same settings and threads",
        "times",
        "times",
        ("cpu_times", "size_percent", "psnr_db", "our_frames_per_s"),
        NO_BASELINE,
        (KAIF_SQLITE,),
        Target((KAIF_SQLITE,), at_least=1),
        _films,
    ),
    Suite(
        "uploads",
        "An upload of 1 GB, in one request or by tus, whichever is slower: its speed, of that of copying the file",
        "share",
        "of copying",
        ("put_mb_per_s", "tus_mb_per_s", "copy_mb_per_s", "server_s_per_gb", "grown_mb"),
        NO_BASELINE,
        (KAIF_SQLITE,),
        Target((KAIF_SQLITE,), at_least=0.7),
        _uploads,
    ),
)


def that_fit(suite: Suite, sizes: Sizes) -> Suite:
    """The suite with those alone who can hold as many connections as are wanted."""
    if suite.measure is not _idle or sizes.processes_for_sockets == 1:
        return suite
    return replace(suite, contenders=SPREAD, baseline=NO_BASELINE)


def make_contenders(directory: Path, engines: Engines, sizes: Sizes, names: set[str]) -> dict[str, Contender]:
    """The contenders of these names; only what they need is prepared."""
    makers: dict[str, Callable[[], Contender]] = {
        KAIF_SQLITE: lambda: Kaif(KAIF_SQLITE, directory / "kaif-sqlite", sizes.people),
        KAIF_POSTGRES: lambda: Kaif(
            KAIF_POSTGRES, directory / "kaif-postgres", sizes.people, engines.create_database("kaif")
        ),
        KAIF_SERVICES: lambda: KaifServices(
            KAIF_SERVICES,
            directory / "kaif-services",
            sizes.people,
            engines.create_database("kaif_services"),
            redis_url=engines.redis_url,
            gateways=max(2, sizes.processes_for_sockets),
        ),
    }
    if names - set(makers):
        makers |= _peer_makers(directory, make_world(directory, engines, sizes.people))
    return {name: makers[name]() for name in sorted(names)}


def _peer_makers(directory: Path, world: World) -> dict[str, Callable[[], Contender]]:
    return {
        EXPRESS: lambda: NodePeer(EXPRESS, "express.js", world, directory, "/me"),
        EXPRESS_PG: lambda: NodePeer(EXPRESS_PG, "express.js", world, directory, "/db"),
        FASTIFY: lambda: NodePeer(FASTIFY, "fastify.js", world, directory, "/me"),
        FASTIFY_PG: lambda: NodePeer(FASTIFY_PG, "fastify.js", world, directory, "/db"),
        SOCKETIO: lambda: NodePeer(
            SOCKETIO, "socketio.js", world, directory, socket_path=SOCKETIO_PATH, protocol="socketio"
        ),
        WS: lambda: NodePeer(WS, "ws.js", world, directory),
    }
