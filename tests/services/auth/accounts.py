"""Signing people up, in one line."""

from kaif.interfaces.auth import Auth, LogIn, Refresh, Register, SetUp, Tokens
from kaif.interfaces.auth.roles import READ_AUDIT
from kaif.kernel.actor import NOBODY, Actor, SessionId

PASSWORD = "correct horse battery"
CODE = "set-up-code"
# Whoever may read the audit log, and nothing else.
AUDITOR = Actor(permissions=frozenset({READ_AUDIT}))


def a_set_up(name: str = "owner", code: str = CODE) -> SetUp:
    return SetUp(name, f"{name}@example.org", PASSWORD, code=code)


def a_registration(name: str, display_name: str | None = None) -> Register:
    return Register(name, f"{name}@example.org", PASSWORD, display_name)


async def set_up(auth: Auth, asking: Actor = NOBODY) -> Tokens:
    return await auth.set_up(asking, a_set_up())


async def register(auth: Auth, name: str, display_name: str | None = None) -> Tokens:
    return await auth.register(NOBODY, a_registration(name, display_name))


async def log_in(auth: Auth, login: str, password: str = PASSWORD, asking: Actor = NOBODY) -> Tokens:
    return await auth.log_in(asking, LogIn(login, password))


async def refresh(auth: Auth, tokens: Tokens) -> Tokens:
    return await auth.refresh(NOBODY, Refresh(tokens.refresh_token))


def session_of(tokens: Tokens) -> SessionId:
    """A refresh token begins with its session's id."""
    return SessionId(tokens.refresh_token.partition(".")[0])


def actor_of(tokens: Tokens) -> Actor:
    return Actor(tokens.user.id, session_of(tokens), frozenset(tokens.user.permissions))
