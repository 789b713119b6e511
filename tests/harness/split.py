"""The system as separate processes."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.harness.processes import Child, free_address, running

from kaif.services.auth.tokens import new_signing_key


class Split:
    """The system as separate processes on PostgreSQL and Redis: two of messaging, some gateways and media, one of each
    other."""

    def __init__(
        self, folder: Path, postgres_url: str, redis_url: str, *, gateways: int = 1, medias: int = 1, **settings: str
    ) -> None:
        self.setup_code = "set-up-code"
        gateway_names = [f"gateway-{number}" for number in range(1, gateways + 1)]
        media_names = [f"media-{number}" for number in range(1, medias + 1)]
        names = ["auth", "messaging-1", "messaging-2", "search", *media_names, *gateway_names]
        self._addresses = {name: free_address() for name in names}
        messagings = [self._addresses["messaging-1"], self._addresses["messaging-2"]]
        shared = {
            "KAIF_DATABASE_URL": postgres_url,
            "KAIF_CACHE_URL": redis_url,
            "KAIF_AUTH": "{}:{}".format(*self._addresses["auth"]),
            "KAIF_MESSAGING": ",".join(f"{host}:{port}" for host, port in messagings),
            "KAIF_SEARCH": "{}:{}".format(*self._addresses["search"]),
            "KAIF_MEDIA": ",".join("{}:{}".format(*self._addresses[name]) for name in media_names),
            "KAIF_MEDIA_KEYS": "env:MEDIA_KEYS",
            "MEDIA_KEYS": f"1:{secrets.token_hex(32)}",
            "KAIF_INTERNAL_SECRET": secrets.token_hex(32),
            "KAIF_SIGNING_KEY": new_signing_key(),
            "KAIF_AUDIT_KEY": secrets.token_hex(32),
            "KAIF_PUSH_KEY": secrets.token_hex(32),
            "KAIF_SETUP_CODE": self.setup_code,
            "KAIF_LIMITS_SCALE": "1000",
            "KAIF_PUBLIC_URL": self.url,
            **settings,
        }
        self.auth = self._child(folder, "auth", shared)
        self.messagings = [self._child(folder, name, shared) for name in ("messaging-1", "messaging-2")]
        self.search = self._child(folder, "search", shared)
        self.medias = [self._child(folder, name, shared) for name in media_names]
        self.gateways = [self._child(folder, name, shared) for name in gateway_names]

    def _child(self, folder: Path, name: str, settings: Mapping[str, str]) -> Child:
        host, port = self._addresses[name]
        arguments = ["serve", name.partition("-")[0], "--host", host, "--port", str(port)]
        return Child(folder, name, [*arguments, "--data", str(folder / name)], settings)

    @property
    def url(self) -> str:
        return self.urls[0]

    @property
    def gateway(self) -> Child:
        return self.gateways[0]

    @property
    def media(self) -> Child:
        return self.medias[0]

    @property
    def gateway_addresses(self) -> list[tuple[str, int]]:
        return [address for name, address in self._addresses.items() if name.startswith("gateway")]

    @property
    def urls(self) -> list[str]:
        """Of the gateways."""
        return [f"http://{host}:{port}" for host, port in self.gateway_addresses]

    @property
    def children(self) -> list[Child]:
        return [self.auth, *self.messagings, self.search, *self.medias, *self.gateways]

    async def start(self) -> None:
        await self.auth.start()
        await asyncio.gather(*[child.start() for child in (*self.messagings, self.search)])
        await asyncio.gather(*[media.start() for media in self.medias])
        await asyncio.gather(*[gateway.start() for gateway in self.gateways])

    async def close(self) -> None:
        for child in reversed(self.children):
            await child.close()

    def kill(self) -> None:
        for child in self.children:
            child.kill()


@asynccontextmanager
async def running_split(
    folder: Path, postgres_url: str, redis_url: str, *, gateways: int = 1, medias: int = 1, **settings: str
) -> AsyncIterator[Split]:
    place = Split(folder, postgres_url, redis_url, gateways=gateways, medias=medias, **settings)
    async with running(place) as split:
        yield split
