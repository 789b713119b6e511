"""What counts as an answer of an authenticator: the rules of WebAuthn level 3 for whoever relies on it."""

from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    parse_attestation_object,
    parse_authenticator_data,
    parse_client_data_json,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import AuthenticatorTransport, CollectedClientData

from kaif.interfaces.auth.passkeys import Assertion, NewCredential

T = TypeVar("T")

NAME = "Kaif Ozero"
CREDENTIAL_BYTES_MAX = 1023
# In the order in which we like them; every authenticator in use has one of these.
ALGORITHMS = [
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]
# We ask for none, and a browser may leave in place what an authenticator signed with the new key itself. The
# other formats would only give strangers more to feed our parsers with.
FORMATS = ("none", "packed")
TRANSPORTS = {transport.value for transport in AuthenticatorTransport}


class Attested(msgspec.Struct, frozen=True):
    """What a new credential told of itself."""

    credential_id: str
    public_key: str
    sign_count: int
    aaguid: str
    backup_eligible: bool
    backed_up: bool


class Used(msgspec.Struct, frozen=True):
    """What a credential that proved itself told."""

    sign_count: int
    backup_eligible: bool
    backed_up: bool


class RelyingParty(msgspec.Struct, frozen=True):
    """`id` is the name that passkeys belong to; empty where browsers make none."""

    id: str
    origin: str

    def attested(self, credential: NewCredential, client_data: CollectedClientData) -> Attested | None:
        """None for what is no new passkey whose device has verified its user."""
        return _unless_malformed(lambda: self._attested(credential, client_data))

    def _attested(self, credential: NewCredential, client_data: CollectedClientData) -> Attested | None:
        attestation = parse_attestation_object(base64url_to_bytes(credential.response.attestation_object))
        if attestation.fmt not in FORMATS or client_data.cross_origin:
            return None
        verified = verify_registration_response(
            credential=msgspec.to_builtins(credential),
            expected_challenge=client_data.challenge,
            expected_rp_id=self.id,
            expected_origin=self.origin,
            require_user_verification=True,
            supported_pub_key_algs=ALGORITHMS,
        )
        credential_id = bytes_to_base64url(verified.credential_id)
        if credential_id != credential.id or len(verified.credential_id) > CREDENTIAL_BYTES_MAX:
            return None
        flags = attestation.auth_data.flags
        public_key = bytes_to_base64url(verified.credential_public_key)
        return Attested(credential_id, public_key, verified.sign_count, verified.aaguid, flags.be, flags.bs)

    def used(self, assertion: Assertion, client_data: CollectedClientData, public_key: str) -> Used | None:
        """None when the key did not sign this for us with its user verified. The counter is the caller's to judge."""
        return _unless_malformed(lambda: self._used(assertion, client_data, public_key))

    def _used(self, assertion: Assertion, client_data: CollectedClientData, public_key: str) -> Used | None:
        if client_data.cross_origin:
            return None
        verified = verify_authentication_response(
            credential=msgspec.to_builtins(assertion),
            expected_challenge=client_data.challenge,
            expected_rp_id=self.id,
            expected_origin=self.origin,
            credential_public_key=base64url_to_bytes(public_key),
            # The library judges the counter before the signature, so that anyone could make a passkey look cloned.
            credential_current_sign_count=0,
            require_user_verification=True,
        )
        flags = parse_authenticator_data(base64url_to_bytes(assertion.response.authenticator_data)).flags
        return Used(verified.new_sign_count, flags.be, flags.bs)


def relying_party_at(public_url: str) -> RelyingParty:
    url = urlsplit(public_url)
    host = url.hostname or ""
    port = "" if url.port is None else f":{url.port}"
    if host == "localhost" or _is_loopback(host):
        # Browsers make no passkey for an address, but reach this machine by that name as well.
        return RelyingParty("localhost", f"{url.scheme}://localhost{port}")
    if url.scheme != "https" or _is_address(host):
        return RelyingParty("", "")
    return RelyingParty(host, f"https://{host}{'' if url.port == 443 else port}")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return _is_address(host) and ip_address(host).is_loopback


def client_data_of(client_data_json: str) -> CollectedClientData | None:
    """What the browser says it was asked, unproved; None when that can't be read."""
    return _unless_malformed(lambda: parse_client_data_json(base64url_to_bytes(client_data_json)))


def known_transports(transports: Sequence[str]) -> list[str]:
    return sorted(TRANSPORTS.intersection(transports))


def _unless_malformed(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except Exception:
        # The parsers stumble in many ways, and whatever they stumble over was made by whoever sent it.
        return None
