"""Access tokens: only our own, unaltered, unexpired ones speak for anybody."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import OctKey, OKPKey

from kaif.kernel.actor import Actor, Permission, SessionId, UserId
from kaif.kernel.errors import Unauthenticated
from kaif.kernel.tokens import ALGORITHM, TokenExpired, Verifier
from kaif.services.auth.tokens import Signer, new_signing_key

NOW_S = 1_800_000_000
ANNA = Actor(UserId("anna"), SessionId("s1"), frozenset({Permission("auth.read_audit")}))
KEY = OKPKey.generate_key("Ed25519", {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
THEIRS = OKPKey.generate_key("Ed25519", {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
PUBLIC = {name: str(value) for name, value in KEY.as_dict(private=False).items()}

HEADER = {"typ": "at+jwt", "alg": ALGORITHM, "kid": KEY.kid}
CLAIMS = {
    "iss": "kaif",
    "aud": "kaif",
    "sub": "anna",
    "sid": "s1",
    "perms": ["auth.read_audit"],
    "perms_at": 7,
    "exp": NOW_S + 600,
}

Forgery = Callable[[], str]


def signed(header: dict[str, Any] | None = None, claims: dict[str, Any] | None = None, key: Any = KEY) -> str:
    merged = {name: value for name, value in {**HEADER, **(header or {})}.items() if value is not None}
    payload = {name: value for name, value in {**CLAIMS, **(claims or {})}.items() if value is not None}
    return jws.serialize_compact(merged, json.dumps(payload).encode(), key, algorithms=[merged["alg"]])


def by_hand(header: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(CLAIMS).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def tampered() -> str:
    head, _, signature = signed().split(".")
    payload = base64.urlsafe_b64encode(json.dumps({**CLAIMS, "sub": "boris"}).encode()).rstrip(b"=").decode()
    return f"{head}.{payload}.{signature}"


def signed_with_the_public_key_as_a_secret() -> str:
    """The classic: HS256 under bytes that everybody knows."""
    return signed({"alg": "HS256"}, key=OctKey.import_key(json.dumps(PUBLIC)))


FORGERIES: dict[str, Forgery] = {
    "nothing": lambda: "",
    "nonsense": lambda: "nonsense",
    "dots": lambda: "..",
    "not base64": lambda: "!.!.!",
    "tampered payload": tampered,
    "tampered signature": lambda: signed()[:-4] + "AAAA",
    "no signature": lambda: signed().rpartition(".")[0] + ".",
    "alg none": lambda: by_hand({**HEADER, "alg": "none"}),
    "alg None": lambda: by_hand({**HEADER, "alg": "None"}, b"x"),
    "no alg": lambda: by_hand({"typ": "at+jwt", "kid": KEY.kid}, b"x"),
    "HS256 under the public key": signed_with_the_public_key_as_a_secret,
    "another's key": lambda: signed(key=THEIRS),
    "another's key and kid": lambda: signed({"kid": THEIRS.kid}, key=THEIRS),
    "an embedded jwk": lambda: signed({"kid": None, "jwk": THEIRS.as_dict(private=False)}, key=THEIRS),
    "a jku": lambda: signed({"kid": None, "jku": "https://evil.example/keys.json"}, key=THEIRS),
    "an x5u": lambda: signed({"x5u": "https://evil.example/cert.pem"}, key=THEIRS),
    "an unknown crit": lambda: by_hand({**HEADER, "crit": ["x"], "x": 1}, b"x"),
    "an ID token": lambda: signed({"typ": "JWT"}),
    "no typ": lambda: signed({"typ": None}),
    "another issuer": lambda: signed(claims={"iss": "someone"}),
    "another audience": lambda: signed(claims={"aud": "someone"}),
    "an audience list": lambda: signed(claims={"aud": ["kaif"]}),
    "no expiry": lambda: signed(claims={"exp": None}),
    "an expiry of text": lambda: signed(claims={"exp": "never"}),
    "no permissions": lambda: signed(claims={"perms": None}),
    "permissions of the wrong type": lambda: signed(claims={"perms": "auth.read_audit"}),
    "no subject": lambda: signed(claims={"sub": None}),
    "a subject of the wrong type": lambda: signed(claims={"sub": 1}),
    "too long": lambda: signed(claims={"padding": "x" * 5000}),
}


@pytest.mark.asvs("7.2.1", "9.1.1", "9.1.2", "9.1.3", "9.2.2", "9.2.3")
@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES.keys())
def test_what_we_did_not_sign_speaks_for_nobody(forgery: Forgery) -> None:
    with pytest.raises(Unauthenticated) as refused:
        Verifier([PUBLIC]).verify(forgery().encode(), NOW_S)

    assert refused.type is Unauthenticated


@pytest.mark.asvs("9.2.1", "10.3.3")
def test_our_own_token_speaks_for_its_person_until_it_expires() -> None:
    verifier, token = Verifier([PUBLIC]), signed().encode()

    assert verifier.verify(token, NOW_S) == (ANNA, NOW_S + 600, 7)
    assert verifier.verify(token, NOW_S + 599.9)
    with pytest.raises(TokenExpired):
        verifier.verify(token, NOW_S + 600)


def test_a_forged_token_is_not_said_to_have_expired() -> None:
    with pytest.raises(Unauthenticated) as refused:
        Verifier([PUBLIC]).verify(signed(claims={"exp": 1}, key=THEIRS).encode(), NOW_S)

    assert refused.type is Unauthenticated


def test_tokens_of_an_older_key_are_good_while_it_is_published() -> None:
    newer, older = Signer(new_signing_key()), Signer(new_signing_key())
    token = older.sign(ANNA, 7, NOW_S * 1_000_000).encode()

    both = Verifier([*newer.public_keys.keys, *older.public_keys.keys])

    assert both.verify(token, NOW_S)[0].user_id == "anna"
    with pytest.raises(Unauthenticated):
        Verifier(newer.public_keys.keys).verify(token, NOW_S)


def test_published_keys_hold_nothing_private() -> None:
    (key,) = Signer(new_signing_key()).public_keys.keys

    assert key.keys() == {"kty", "crv", "x", "kid", "use", "alg"}
