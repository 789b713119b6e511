"""Sign-in services for the tests: an OpenID Connect issuer of another make, and one of our own that lies."""

import asyncio
import base64
import hashlib
import json
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlsplit

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc import jwt
from joserfc.jwk import RSAKey
from tests.servers import die_with_parent

from kaif.interfaces.auth.identities import Authorization, ServiceAnswer

NODE = Path(__file__).parent / "issuer"
SECRET = "a+secret:of%some/kind="
START_WITHIN_S = 20


class Issuer:
    """`oidc-provider` in a process of its own. Whoever comes signs in by themselves."""

    def __init__(self, redirect_uri: str) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._redirect_uri = redirect_uri
        assert shutil.which("node"), "Node is not installed. Run: apt-get install -y nodejs npm"
        assert (NODE / "node_modules").is_dir(), f"The issuer is not installed. Run: cd {NODE} && npm ci"
        self._process = subprocess.Popen(
            ["node", "server.mjs", str(self.port), redirect_uri],
            cwd=NODE,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_WITHIN_S
        while True:
            try:
                return self._tell("/verified?is=true")
            except httpx.TransportError:
                assert self._process.poll() is None and time.monotonic() < deadline, "the issuer does not start"
                time.sleep(0.05)

    def _tell(self, path: str) -> None:
        assert httpx.get(self.url + path, trust_env=False).status_code == 204

    def sign_in_as(self, login: str) -> None:
        self._tell(f"/sign-in-as?login={login}")

    def refuse(self, is_refusing: bool) -> None:
        self._tell(f"/refuse?is={str(is_refusing).lower()}")

    def verify_addresses(self, is_verified: bool) -> None:
        self._tell(f"/verified?is={str(is_verified).lower()}")

    async def visit(self, begun: Authorization) -> ServiceAnswer:
        return answer_of(begun, await self._follow(begun.url))

    async def come_back(self, begun: dict[str, Any]) -> dict[str, str]:
        """As `visit`, of what travels over the wire."""
        return {**await self._follow(begun["url"]), "secret": begun["secret"]}

    async def _follow(self, url: str) -> dict[str, str]:
        """As a browser does: from page to page, until it is sent back to us with this query."""
        async with httpx.AsyncClient(trust_env=False) as browser:
            while not url.startswith(self._redirect_uri):
                answer = await browser.get(url)
                assert answer.is_redirect, answer.text
                url = str(httpx.URL(url).join(answer.headers["location"]))
        return dict(parse_qsl(urlsplit(url).query))

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def running_issuer(redirect_uri: str) -> Iterator[Issuer]:
    issuer = Issuer(redirect_uri)
    try:
        yield issuer
    finally:
        issuer.stop()


def answer_of(begun: Authorization, query: dict[str, str]) -> ServiceAnswer:
    """What our page makes of the query it was opened with."""
    known = {name: query[name] for name in ("code", "error", "iss", "device_id") if name in query}
    return ServiceAnswer(query["state"], begun.secret, **known)


class Asked:
    """A request as a service sees it."""

    def __init__(self, method: str, path: str, headers: dict[str, str], body: str) -> None:
        self.method, self.path, self.headers = method, path, headers
        self.form = dict(parse_qsl(body))

    @property
    def bearer(self) -> str:
        return self.headers.get("authorization", "").removeprefix("Bearer ")

    @property
    def basic(self) -> tuple[str, ...]:
        given = self.headers.get("authorization", "").removeprefix("Basic ")
        return tuple(unquote_plus(part) for part in base64.b64decode(given).decode().split(":", 1))


Reply = tuple[int, object] | bytes
Handler = Callable[[Asked], Reply | Awaitable[Reply]]


class Service:
    """Answers each path as its handler says; bytes go to the wire as they are."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        self.asked: list[Asked] = []
        self.bytes_at_once, self.pause_s = 1 << 20, 0.0
        self._server: asyncio.Server

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            method, path, _ = head[0].split(" ")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            body = (await reader.readexactly(int(headers.get("content-length", 0)))).decode()
            asked = Asked(method, path, headers, body)
            self.asked.append(asked)
            await self._reply(writer, await self._answer(asked))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, asked: Asked) -> Reply:
        if asked.path not in self.handlers:
            return 404, {"message": "Not Found"}
        reply = self.handlers[asked.path](asked)
        return reply if isinstance(reply, tuple | bytes) else await reply

    async def _reply(self, writer: asyncio.StreamWriter, reply: Reply) -> None:
        if isinstance(reply, tuple):
            status, content = reply
            body = json.dumps(content).encode()
            head = f"HTTP/1.1 {status} .\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            reply = head.encode() + body
        for at in range(0, len(reply), self.bytes_at_once):
            writer.write(reply[at : at + self.bytes_at_once])
            await writer.drain()
            await asyncio.sleep(self.pause_s)

    def count(self, path: str) -> int:
        return sum(asked.path == path for asked in self.asked)

    async def stop(self) -> None:
        self._server.close()


class Liar(Service):
    """An issuer that is honest until a test spoils it."""

    def __init__(self, clock: Callable[[], int]) -> None:
        super().__init__()
        self._clock = clock
        self.key = new_key("first")
        self.document: dict[str, Any] = {}
        self.head: dict[str, Any] = {}
        # What the next ID token says otherwise; None leaves a claim out.
        self.claims: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.subject = "subject-of-anna"
        self.email: str | None = "anna@elsewhere.example"
        self.email_verified: object = True
        self.sign: Callable[[dict[str, Any], dict[str, Any]], str] = self._signed
        self._codes: dict[str, dict[str, str]] = {}
        self.handlers = {
            "/.well-known/openid-configuration": lambda _: (200, self._document()),
            "/jwks": lambda _: (200, {"keys": [self.key.as_dict(private=False)]}),
            "/token": self._token,
            "/userinfo": lambda asked: (200, {"sub": self.subject, **self.userinfo}),
        }

    def _document(self) -> dict[str, Any]:
        honest = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "subject_types_supported": ["public"],
        }
        return {name: value for name, value in (honest | self.document).items() if value is not None}

    def grant(self, begun: Authorization, **more: str) -> ServiceAnswer:
        """The person signs in there and comes back with a code."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(begun.url).query).items()}
        code = f"code-{len(self._codes)}"
        self._codes[code] = query
        return answer_of(begun, {"state": query["state"], "code": code, **more})

    def _token(self, asked: Asked) -> Reply:
        query = self._codes.pop(asked.form.get("code", ""), None)
        if query is None:
            return 400, {"error": "invalid_grant"}
        verifier = asked.form.get("code_verifier", "")
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        same = query["redirect_uri"] == asked.form["redirect_uri"] and query["code_challenge_method"] == "S256"
        if challenge != query["code_challenge"] or not same:
            return 400, {"error": "invalid_grant"}
        if asked.basic != ("kaif", SECRET):
            return 401, {"error": "invalid_client"}
        return 200, {"access_token": "an-access-token", "token_type": "Bearer", "id_token": self._id_token(query)}

    def _id_token(self, query: dict[str, str]) -> str:
        now_s = self._clock() // 1_000_000
        honest = {
            "iss": self.url,
            "sub": self.subject,
            "aud": query["client_id"],
            "exp": now_s + 300,
            "iat": now_s,
            "nonce": query["nonce"],
            "email": self.email,
            "email_verified": self.email_verified,
            "preferred_username": "anna",
            "name": "Anna",
        }
        claims = {name: value for name, value in (honest | self.claims).items() if value is not None}
        return self.sign({"alg": "RS256", "kid": self.key.kid, **self.head}, claims)

    def _signed(self, head: dict[str, Any], claims: dict[str, Any]) -> str:
        return jwt.encode({name: value for name, value in head.items() if value}, claims, self.key, [head["alg"]])


def new_key(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"})


def signed(head: dict[str, Any], claims: dict[str, Any], key: RSAKey) -> str:
    """By RS256, whatever the head says: libraries refuse to write some of what attackers write."""
    signing_input = f"{encoded(head)}.{encoded(claims)}"
    assert key.private_key
    signature = key.private_key.sign(signing_input.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signing_input}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def encoded(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
