"""Our own server as separate services with several gateways, for more people than one process holds."""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.kaif import LIMITS_SCALE, PROGRAM, Kaif, Up, is_ready
from bench.processes import Process, accepts_connections, free_port, pinned, running, server_core, wait_until
from kaif.services.auth.tokens import new_signing_key

SERVICES = ("auth", "messaging", "search", "media")


@dataclass
class KaifServices(Kaif):
    """`kaif serve` for each service and for every gateway, on one PostgreSQL and one Redis."""

    redis_url: str = ""
    gateways: int = 2
    _secrets: dict[str, str] = field(default_factory=lambda: _fresh_secrets())

    @contextmanager
    def _up(self) -> Iterator[Up]:
        self.directory.mkdir(exist_ok=True)
        ports = {name: free_port() for name in SERVICES}
        environment = {**os.environ, **self._secrets, **self._addresses(ports)}
        with ExitStack() as stack:
            services = [self._service(stack, name, port, environment) for name, port in ports.items()]
            gateway_ports = [free_port() for _ in range(self.gateways)]
            gateways = [
                self._service(stack, f"gateway-{number}", port, environment)
                for number, port in enumerate(gateway_ports, start=1)
            ]
            yield Up([*gateways, *services], gateway_ports, self.directory / "gateway-1.log")

    def _addresses(self, ports: Mapping[str, int]) -> dict[str, str]:
        assert self.database_url
        return {
            "KAIF_DATABASE_URL": self.database_url,
            "KAIF_CACHE_URL": self.redis_url,
            "KAIF_SETUP_CODE": self.setup_code,
            "KAIF_LIMITS_SCALE": str(LIMITS_SCALE),
            **{f"KAIF_{name.upper()}": f"127.0.0.1:{port}" for name, port in ports.items()},
        }

    def _service(self, stack: ExitStack, name: str, port: int, environment: Mapping[str, str]) -> Process:
        kind, log = name.partition("-")[0], self.directory / f"{name}.log"
        data = self.directory / name
        command: list[str | Path] = [PROGRAM, "serve", kind, "--data", data, "--port", str(port)]
        process = stack.enter_context(running(pinned(server_core(), command), log=log, environment=environment))
        listens = is_ready if kind == "gateway" else accepts_connections
        wait_until(lambda: listens(port), process, log, f"{self.name}, {name}")
        return process


def _fresh_secrets() -> dict[str, str]:
    return {
        "KAIF_INTERNAL_SECRET": secrets.token_hex(32),
        "KAIF_SIGNING_KEY": new_signing_key(),
        "KAIF_AUDIT_KEY": secrets.token_hex(32),
        "KAIF_PUSH_KEY": secrets.token_hex(32),
        "KAIF_MEDIA_KEYS": "env:MEDIA_KEYS",
        "MEDIA_KEYS": f"1:{secrets.token_hex(32)}",
    }
