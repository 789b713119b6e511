"""The peers: Node servers under bench/peers, given the same people, chats and row shapes as our own."""

import asyncio
import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import asyncpg
from joserfc import jwt
from joserfc.jwk import OctKey

from bench.contenders import Account, Server, hall_of, pairs_of, rooms_of
from bench.engines import Engines
from bench.processes import BenchError, accepts_connections, free_port, pinned, running, server_core, wait_until

PEERS = Path(__file__).parent / "peers"
TOKEN_LIFETIME_S = 86_400

# One table per suite, each with the one index it needs; what a chat needs besides (idempotent
# references, gapless numbers, unread counts) is not asked of the peers.
SCHEMA = """
CREATE TABLE users (
    id text PRIMARY KEY, username text NOT NULL, email text NOT NULL, display_name text NOT NULL,
    role text NOT NULL, created_at timestamptz NOT NULL
);
CREATE TABLE messages (
    seq bigserial, chat_id text NOT NULL, sender_id text NOT NULL, at timestamptz NOT NULL,
    ref text NOT NULL, text text NOT NULL, PRIMARY KEY (chat_id, seq)
);
"""
INSERT_USERS = "INSERT INTO users SELECT * FROM json_populate_recordset(NULL::users, $1)"


@dataclass(frozen=True)
class World:
    """What all peers of one run share: the people with their chats, and a database with both tables."""

    file: Path
    secret: str
    accounts: tuple[Account, ...]
    database_url: str
    redis_port: int


def make_world(directory: Path, engines: Engines, people: int) -> World:
    """Install the peers if needed and prepare the people, their tokens and the database."""
    install_peers()
    users = [_user(number) for number in range(people)]
    ids = [user["id"] for user in users]
    rooms = {secrets.token_hex(13): members for members in rooms_of(ids)}
    pairs = {secrets.token_hex(13): members for members in pairs_of(ids)}
    hall = secrets.token_hex(13)
    file = directory / "world.json"
    file.write_text(json.dumps({"users": users, "chats": rooms | pairs | {hall: hall_of(ids)}}))
    secret = secrets.token_hex(16)
    room_of = {member: chat for chat, members in rooms.items() for member in members}
    pair_of = {member: chat for chat, members in pairs.items() for member in members}
    accounts = tuple(Account(_token(secret, person), room_of[person], pair_of[person], hall=hall) for person in ids)
    database_url = engines.create_database("peers")
    asyncio.run(_fill(database_url, users))
    return World(file, secret, accounts, database_url, engines.redis_port)


def install_peers() -> None:
    """Install exactly what package-lock.json says; an installation of it that is there is kept."""
    wanted, installed = (PEERS / "package-lock.json").read_bytes(), PEERS / "node_modules" / ".installed"
    if installed.exists() and installed.read_bytes() == wanted:
        return
    if shutil.which("npm") is None:
        raise BenchError("Node is missing: apt-get install nodejs npm")
    done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=PEERS, capture_output=True, text=True)
    if done.returncode != 0:
        raise BenchError(f"npm ci failed in bench/peers:\n{done.stderr}")
    installed.write_bytes(wanted)


def _user(number: int) -> dict[str, str]:
    return {
        "id": secrets.token_hex(13),
        "username": f"person{number}",
        "email": f"person{number}@example.com",
        "display_name": f"Person {number}",
        "role": "member",
        "created_at": "2026-01-01T00:00:00.000000Z",
    }


def _token(secret: str, person: str) -> str:
    now = int(time.time())
    claims = {"sub": person, "iat": now, "exp": now + TOKEN_LIFETIME_S}
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(secret))


async def _fill(database_url: str, users: list[dict[str, str]]) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(SCHEMA)
        await connection.execute(INSERT_USERS, json.dumps(users))
        await connection.execute("ANALYZE users")
    finally:
        await connection.close()


@dataclass(frozen=True)
class NodePeer:
    """One of the scripts under bench/peers."""

    name: str
    script: str
    world: World
    directory: Path
    http_path: str = "/"
    socket_path: str = "/v1/socket"
    protocol: Literal["events", "socketio"] = "events"

    @contextmanager
    def serving(self) -> Iterator[Server]:
        """Run the script on the server's core, in Node's production mode."""
        port, log = free_port(), self.directory / f"{self.script}.log"
        environment = {
            "NODE_ENV": "production",
            "PORT": str(port),
            "BENCH_WORLD": str(self.world.file),
            "BENCH_SECRET": self.world.secret,
            "DATABASE_URL": self.world.database_url,
            "REDIS_PORT": str(self.world.redis_port),
        }
        command = pinned(server_core(), ["node", PEERS / self.script])
        with running(command, log=log, environment={**os.environ, **environment}) as process:
            wait_until(lambda: accepts_connections(port), process, log, self.script)
            yield Server(process, port, self.http_path, self.socket_path, self.protocol, self.world.accounts)
