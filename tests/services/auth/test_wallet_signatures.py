"""What wallets sign, held against other libraries: addresses, messages, signatures, cells; and what bends them."""

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
import ton_core
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_utils.address import to_checksum_address
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.softwallets import EthereumWallet, TonWallet

from kaif.services.auth.wallets import boc, ethereum, ton

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
VERSIONS = ["WalletV3R1", "WalletV3R2", "WalletV4R1", "WalletV4R2", "WalletV5R1"]

# Ethereum


@given(st.binary(min_size=20, max_size=20))
def test_addresses_get_the_checksum_that_others_give_them(raw: bytes) -> None:
    assert ethereum.address_of("0x" + raw.hex()) == to_checksum_address(raw)
    assert ethereum.address_of(to_checksum_address(raw)) == to_checksum_address(raw)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "0x",
        "0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\n",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg",
    ],
)
def test_a_wrong_checksum_or_form_is_no_address(given: str) -> None:
    assert ethereum.address_of(given) is None


@settings(max_examples=30)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_the_signer_is_whom_others_recover(message: str) -> None:
    wallet = EthereumWallet()
    signature = wallet.sign(message)

    assert Account.recover_message(encode_defunct(text=message), signature=signature) == wallet.address
    assert ethereum.signer_of(message, bytes.fromhex(signature[2:])) == wallet.address


def test_v_is_that_of_a_transaction_or_the_bare_parity() -> None:
    wallet = EthereumWallet()
    signature = bytes.fromhex(wallet.sign("hello")[2:])
    bare = signature[:64] + bytes([signature[64] - 27])

    assert ethereum.signer_of("hello", bare) == wallet.address
    for v in (2, 3, 26, 29, 30, 31, 35, 36, 37, 38, 255, 27 + 28 - signature[64]):
        assert ethereum.signer_of("hello", signature[:64] + bytes([v])) != wallet.address


def test_the_second_signature_that_anyone_can_make_of_one_is_refused() -> None:
    wallet = EthereumWallet()
    signature = bytes.fromhex(wallet.sign("hello")[2:])
    high = ORDER - int.from_bytes(signature[32:64], "big")
    twin = signature[:32] + high.to_bytes(32, "big") + bytes([55 - signature[64]])

    assert Account.recover_message(encode_defunct(text="hello"), signature=twin) == wallet.address
    assert ethereum.signer_of("hello", twin) is None


@pytest.mark.parametrize("signature", [b"", b"\0" * 65, b"\xff" * 65, b"\x01" * 64, b"\x01" * 66, b"\0" * 64 + b"\x1b"])
def test_what_is_no_signature_names_nobody(signature: bytes) -> None:
    assert ethereum.signer_of("hello", signature) is None


def test_the_message_is_the_one_of_the_standard() -> None:
    message = ethereum.SignInMessage(
        domain="ozero.example",
        address="0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2",
        statement="Sign in to Kaif Ozero.",
        uri="https://ozero.example",
        chain_id=1,
        nonce="32891756abcdef",
        issued_at=datetime(2021, 9, 30, 16, 25, 24, tzinfo=UTC),
        expires_at=datetime(2021, 9, 30, 16, 30, 24, tzinfo=UTC),
    )

    assert message.text() == (
        "ozero.example wants you to sign in with your Ethereum account:\n"
        "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2\n"
        "\n"
        "Sign in to Kaif Ozero.\n"
        "\n"
        "URI: https://ozero.example\n"
        "Version: 1\n"
        "Chain ID: 1\n"
        "Nonce: 32891756abcdef\n"
        "Issued At: 2021-09-30T16:25:24Z\n"
        "Expiration Time: 2021-09-30T16:30:24Z"
    )


# TON


@pytest.mark.parametrize("version", VERSIONS)
def test_the_key_of_a_wallet_is_read_from_its_state(version: str) -> None:
    wallet = TonWallet(version)

    assert ton.key_of(wallet.address, base64.b64decode(wallet.state_init)) == wallet.public_key
    assert ton.friendly(wallet.address) == wallet.friendly


@pytest.mark.parametrize("has_idx", [False, True])
@pytest.mark.parametrize("hash_crc32", [False, True])
def test_bags_may_have_an_index_and_a_checksum(has_idx: bool, hash_crc32: bool) -> None:
    wallet = TonWallet()
    state = ton_core.Cell.one_from_boc(base64.b64decode(wallet.state_init))

    assert ton.key_of(wallet.address, state.to_boc(has_idx=has_idx, hash_crc32=hash_crc32)) == wallet.public_key


def test_the_code_of_no_wallet_is_unknown_whatever_its_data_is() -> None:
    for version in ("WalletV2R2", "WalletHighloadV2"):
        wallet = TonWallet(version)
        with pytest.raises(ton.UnknownWallet):
            ton.key_of(wallet.address, base64.b64decode(wallet.state_init))


def test_the_state_of_another_key_is_refused() -> None:
    with pytest.raises(ValueError, match="another address"):
        ton.key_of(TonWallet().address, base64.b64decode(TonWallet().state_init))


def test_a_state_that_says_more_than_code_and_data_is_no_wallets() -> None:
    wallet = TonWallet()
    state = ton_core.Cell.one_from_boc(base64.b64decode(wallet.state_init))
    with_library = ton_core.StateInit(code=state.refs[0], data=state.refs[1], library=ton_core.begin_cell().end_cell())
    cell = with_library.serialize()

    with pytest.raises(ton.UnknownWallet):
        ton.key_of(f"0:{cell.hash.hex()}", cell.to_boc())


@given(st.data())
@settings(max_examples=200)
def test_a_bag_that_was_cut_or_changed_is_refused_or_is_the_same(data: st.DataObject) -> None:
    wallet = _WALLET
    bag = bytearray(base64.b64decode(wallet.state_init))
    if data.draw(st.booleans()):
        bag = bag[: data.draw(st.integers(0, len(bag) - 1))]
    else:
        bag[data.draw(st.integers(0, len(bag) - 1))] ^= data.draw(st.integers(1, 255))

    try:
        key = ton.key_of(wallet.address, bytes(bag))
    except ValueError:
        return
    assert key == wallet.public_key


_WALLET = TonWallet()


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(bag: bytes) -> None:
    for start in (b"", bytes.fromhex("b5ee9c72")):
        try:
            boc.root_of(start + bag)
        except ValueError:
            continue


def _trees() -> st.SearchStrategy[Any]:
    """Cells as their bits, and what they refer to."""
    bits = st.text("01", max_size=100)
    leaves: st.SearchStrategy[Any] = st.tuples(bits, st.just([]))
    return st.recursive(leaves, lambda below: st.tuples(bits, st.lists(below, max_size=4)), max_leaves=12)


def _cell(tree: tuple[str, list[Any]]) -> Any:
    builder = ton_core.begin_cell()
    for bit in tree[0]:
        builder.store_bit(int(bit))
    for below in tree[1]:
        builder.store_ref(_cell(below))
    return builder.end_cell()


@settings(max_examples=100, deadline=None)
@given(_trees())
def test_cells_have_the_hash_and_bits_that_others_see(tree: tuple[str, list[Any]]) -> None:
    cell = _cell(tree)

    root = boc.root_of(cell.to_boc())

    assert (root.hash, root.bits, root.number(0, root.bits)) == (cell.hash, len(tree[0]), int(tree[0] or "0", 2))


def test_a_bag_of_many_cells_is_refused() -> None:
    cell = ton_core.begin_cell().end_cell()
    for number in range(boc.CELLS_MAX):
        cell = ton_core.begin_cell().store_uint(number, 32).store_ref(cell).end_cell()

    with pytest.raises(ValueError, match="few cells"):
        boc.root_of(cell.to_boc())


@pytest.mark.parametrize(
    "given", ["", "-1:" + "0" * 64, "1:" + "0" * 64, "0:" + "0" * 63, "0:" + "g" * 64, "0:" + "0" * 64 + "\n", "UQAA"]
)
def test_only_raw_addresses_of_the_base_chain_are_taken(given: str) -> None:
    assert ton.address_of(given) is None
