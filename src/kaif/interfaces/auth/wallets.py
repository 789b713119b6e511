"""What auth promises of wallets: who can sign with the key of an address opens the account that it is linked to.

An Ethereum wallet signs a message of EIP-4361, which the server writes word for word; a TON wallet a `ton_proof` of
TON Connect. Both name this server, so that what was signed for another one is worth nothing here.
"""

from datetime import datetime
from typing import Annotated, Literal, NewType, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.auth import (
    VISIBLE,
    CaptchaAnswer,
    DisplayName,
    Email,
    GivenInvitation,
    Language,
    Nothing,
    Tokens,
    Username,
)
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kaif.kernel.ids import PATTERN
from kaif.kernel.remote import repeatable

WALLETS_MAX = 10
# For signing, and of a ton_proof's own time.
WALLET_PROOF_SECONDS = 5 * 60
# For choosing a username.
WALLET_REGISTRATION_SECONDS = 15 * 60

Chain = Literal["ethereum", "ton"]
WalletId = NewType("WalletId", str)
GivenWalletId = Annotated[WalletId, Meta(pattern=PATTERN)]

_Nonce = Annotated[str, Meta(min_length=1, max_length=128, pattern=VISIBLE)]
_HEX = r"^(?:0x)?[0-9a-fA-F]*$(?!\n)"
_BASE64 = r"^[A-Za-z0-9+/=_-]*$(?!\n)"


class Wallet(msgspec.Struct, frozen=True):
    """`address` as people of that chain know it: with its checksum, or in the form that is friendly to the reader."""

    id: WalletId
    chain: Chain
    address: str
    linked_at: datetime
    last_used_at: datetime | None


class WalletList(msgspec.Struct, frozen=True):
    """The oldest first."""

    wallets: list[Wallet]


class BeginWallet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`address` and `chain_id` (EIP-155) are for Ethereum, where the message names them; a TON wallet names its own."""

    chain: Chain
    address: Annotated[str, Meta(max_length=64, pattern=VISIBLE)] = ""
    chain_id: Annotated[int, Meta(ge=1, le=2**53)] = 1


class WalletChallenge(msgspec.Struct, frozen=True):
    """An Ethereum wallet is to sign `message` (EIP-191, `personal_sign`); a TON wallet `nonce`, as the payload."""

    nonce: str
    message: str
    expires_at: datetime


class EthereumProof(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="chain", tag="ethereum"):
    """`signature` is r, s and v in hexadecimal."""

    nonce: _Nonce
    # As long as what contracts give, so that they can be told that they are not understood.
    signature: Annotated[str, Meta(max_length=8192, pattern=_HEX)]


class TonProof(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="chain", tag="ton"):
    """From the wallet's `ton_addr` and `ton_proof`: the raw address ("0:" and 64 digits), the public key in
    hexadecimal, the state init and the signature in base64, the time in seconds. `nonce` was the payload."""

    nonce: _Nonce
    address: Annotated[str, Meta(max_length=80, pattern=VISIBLE)]
    public_key: Annotated[str, Meta(max_length=66, pattern=_HEX)]
    state_init: Annotated[str, Meta(max_length=8192, pattern=_BASE64)]
    timestamp: Annotated[int, Meta(ge=0, le=2**53)]
    domain: Annotated[str, Meta(max_length=253, pattern=VISIBLE)]
    signature: Annotated[str, Meta(max_length=128, pattern=_BASE64)]


class GivenProof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    proof: EthereumProof | TonProof


class RegisterByWallet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`ticket` comes with WalletUnknown."""

    ticket: Annotated[str, Meta(min_length=1, max_length=128, pattern=VISIBLE)]
    username: Username
    email: Email
    display_name: DisplayName | None = None
    language: Language = "en"
    captcha: CaptchaAnswer = ""
    invitation: GivenInvitation = ""


class UnlinkWallet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    wallet_id: GivenWalletId


class WalletProofEnded(Forbidden):
    code, detail = "wallet_proof_ended", "This took too long or was answered before: begin again."


class WalletRefused(Forbidden):
    code, detail = "wallet_refused", "What the wallet signed does not prove that the address is its own."


class WalletElsewhere(Forbidden):
    code, detail = "wallet_elsewhere", "The wallet signed for another server."


class WalletUnsupported(Forbidden):
    code = "wallet_unsupported"
    detail = "This wallet is a contract of a kind whose owner can't be told without asking its chain."


class BadWalletAddress(Invalid):
    code, detail = "bad_wallet_address", "This is no address of that chain, or its checksum is wrong."


class WalletUnknown(Forbidden):
    """Nobody here has linked it. Details carry ticket, good for one account, and address."""

    code, detail = "wallet_unknown", "There is no account here yet that is linked to this wallet."


class WalletRegistrationEnded(Forbidden):
    code = "wallet_registration_ended"
    detail = "This registration took too long or was finished before: begin again."


class WalletTaken(Conflict):
    code, detail = "wallet_taken", "Another account here is linked to this wallet."


class WalletAlreadyLinked(Conflict):
    code, detail = "wallet_already_linked", "Your account is linked to this wallet already."


class TooManyWallets(Conflict):
    code, detail = "too_many_wallets", f"An account has at most {WALLETS_MAX} wallets."


class WalletNotFound(NotFound):
    code, detail = "wallet_not_found", "There is no such wallet."


class Wallets(Protocol):
    """A nonce is good once, for 5 minutes, for the purpose, the account and the address that it was made for.

    Whatever takes a proof raises WalletProofEnded, WalletRefused, WalletElsewhere and WalletUnsupported. Only keys
    sign: contracts (EIP-1271, EIP-6492, TON wallets other than v3, v4 and v5) would have to be asked on their chain.
    """

    async def begin_wallet_sign_in(self, actor: Actor, request: BeginWallet) -> WalletChallenge:
        """What a wallet has to sign for someone who has not said who they are. Raises BadWalletAddress."""
        ...

    async def sign_in_by_wallet(self, actor: Actor, request: GivenProof) -> Tokens:
        """Open a session for the account that is linked to the wallet.

        Raises SecondFactorRequired (in `factors`) as `log_in` does, AccountSuspended, WalletUnknown.
        """
        ...

    async def register_by_wallet(self, actor: Actor, request: RegisterByWallet) -> Tokens:
        """Make an account that has no password and is linked to the wallet, and its first session.

        A letter with a link that confirms the address follows. Raises WalletRegistrationEnded, SetupRequired,
        UsernameTaken, UsernameImitates, BadDisplayName, CaptchaRequired (in `captcha`), WalletTaken; after all but the
        first the ticket is still good.
        """
        ...

    @repeatable
    async def list_wallets(self, actor: Actor, request: Nothing) -> WalletList:
        """The actor's own."""
        ...

    async def begin_wallet_link(self, actor: Actor, request: BeginWallet) -> WalletChallenge:
        """What a wallet has to sign before it is linked. Raises StepUpRequired, TooManyWallets, BadWalletAddress."""
        ...

    async def link_wallet(self, actor: Actor, request: GivenProof) -> Wallet:
        """Whoever has the wallet signs in to the actor's account from now on; its owner is told by letter.

        Raises StepUpRequired, TooManyWallets, WalletTaken, WalletAlreadyLinked.
        """
        ...

    async def unlink_wallet(self, actor: Actor, request: UnlinkWallet) -> Nothing:
        """The owner is told by letter. Raises StepUpRequired, WalletNotFound, LastWayIn (in `passkeys`)."""
        ...

    async def begin_wallet_step_up(self, actor: Actor, request: BeginWallet) -> WalletChallenge:
        """What a wallet has to sign before `step_up` takes it. Raises BadWalletAddress, WalletNotFound."""
        ...
