"""What an edge verifies alone: `python -m bench.verifying SECONDS` prints access tokens verified a second.

The tokens are those of many people, signed by auth and seen before, as almost every token is that comes.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from kaif.app import compose
from kaif.app.auth import auth_services
from kaif.app.settings import read_settings
from kaif.gateway.identity import Identity
from kaif.interfaces.auth import Auth, Register, SetUp
from kaif.kernel.actor import NOBODY
from kaif.services.auth.tokens import new_signing_key

PEOPLE = 20
PASSWORD = "a password of some length"
CODE = "the code of the set-up link"


async def _verify(directory: Path, seconds: float) -> float:
    secrets = {"KAIF_SIGNING_KEY": new_signing_key(), "KAIF_SETUP_CODE": CODE}
    settings = read_settings(directory, "127.0.0.1", 0, secrets)
    async with (
        compose.database_of(settings) as database,
        compose.cache_of(settings) as cache,
        auth_services(settings, database, cache) as services,
    ):
        identity = Identity(services[Auth], cache)
        await identity.start()
        tokens = await _tokens(services[Auth])
        rate = _rate(identity, tokens, seconds)
        await identity.close()
        return rate


async def _tokens(auth: Auth) -> list[bytes]:
    owner = SetUp("owner", "owner@example.com", PASSWORD, code=CODE)
    others = [Register(f"person{number}", f"person{number}@example.com", PASSWORD) for number in range(1, PEOPLE)]
    signed_in = [await auth.set_up(NOBODY, owner), *[await auth.register(NOBODY, other) for other in others]]
    return [tokens.access_token.encode() for tokens in signed_in]


def _rate(identity: Identity, tokens: list[bytes], seconds: float) -> float:
    done, started = 0, time.perf_counter()
    while (now := time.perf_counter()) < started + seconds:
        for _ in range(100):
            for token in tokens:
                identity.verify(token)
        done += 100 * len(tokens)
    return done / (now - started)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(asyncio.run(_verify(Path(name), float(sys.argv[1]))))
