"""Wallets in a browser, as extensions put them there: a sign-in, an account, a link, and a step-up, signed by keys
of the test."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Locator, expect
from tests.harness import Person, Split
from tests.journeys.browser import ANNA, NARROW, WIDE, Human, Window, Windows
from tests.journeys.conftest import Place, embedded
from tests.journeys.looks import Look
from tests.journeys.test_passkeys import grow_old
from tests.journeys.test_second_factor import forgive_refusals, give_code, sign_out, turn_on
from tests.softwallets import EthereumWallet, TonWallet

from kaif.interfaces.auth.wallets import WalletChallenge
from kaif.kernel.clock import as_datetime

VERA = Human("vera", "Вера Егорова")

ETHEREUM = """
const announce = () => dispatchEvent(new CustomEvent('eip6963:announceProvider', { detail: Object.freeze({
  info: { uuid: 'a-fox', name: 'Лиса', icon: '', rdns: 'example.fox' },
  provider: { request: async ({ method, params }) => {
    const { result, code } = await window.foxRequest(method, params ?? [])
    if (code) throw Object.assign(new Error('refused'), { code })
    return result
  } },
}) }))
addEventListener('eip6963:requestProvider', announce)
announce()
"""
TON = """
window.boat = { tonconnect: {
  protocolVersion: 2, walletInfo: { name: 'Лодка' }, deviceInfo: {}, isWalletBrowser: false,
  connect: (version, request) => window.boatConnect(version, request),
} }
"""


class Fox:
    """An Ethereum wallet in the browser, whose owner may say no."""

    def __init__(self) -> None:
        self.wallet, self.willing = EthereumWallet(), True
        self.signed: list[str] = []

    async def request(self, method: str, params: list[Any]) -> dict[str, Any]:
        if not self.willing:
            return {"code": 4001}
        match method:
            case "eth_requestAccounts":
                return {"result": [self.wallet.address.lower()]}
            case "eth_chainId":
                return {"result": "0x1"}
            case "personal_sign":
                assert params[1] == self.wallet.address.lower()
                self.signed.append(bytes.fromhex(params[0][2:]).decode())
                return {"result": self.wallet.sign(self.signed[-1])}
        raise AssertionError(f"{method} is not what a sign-in needs")


class Boat:
    """A TON wallet in the browser: it reads the manifest and takes the domain from it."""

    def __init__(self) -> None:
        self.wallet, self.willing = TonWallet("WalletV5R1"), True

    async def connect(self, version: int, request: dict[str, Any]) -> dict[str, Any]:
        assert version == 2
        if not self.willing:
            return {"event": "connect_error", "payload": {"code": 300, "message": "no"}}
        async with httpx.AsyncClient(trust_env=False) as http:
            manifest = (await http.get(request["manifestUrl"])).json()
        [payload] = [item["payload"] for item in request["items"] if item["name"] == "ton_proof"]
        challenge, domain = WalletChallenge(payload, "", as_datetime(0)), urlsplit(manifest["url"]).netloc
        proof = self.wallet.prove(challenge, time.time_ns() // 1000, domain=domain)
        account = {
            "name": "ton_addr",
            "address": proof.address,
            "network": "-239",
            "publicKey": proof.public_key,
            "walletStateInit": proof.state_init,
        }
        signed = {
            "timestamp": str(proof.timestamp),
            "domain": {"lengthBytes": len(domain), "value": domain},
            "signature": proof.signature,
            "payload": payload,
        }
        return {"event": "connect", "payload": {"items": [account, {"name": "ton_proof", "proof": signed}]}}


async def install(window: Window, fox: Fox | None = None, boat: Boat | None = None) -> None:
    if fox:
        await window.context.expose_function("foxRequest", fox.request)
        await window.context.add_init_script(ETHEREUM)
    if boat:
        await window.context.expose_function("boatConnect", boat.connect)
        await window.context.add_init_script(TON)


def card(window: Window) -> Locator:
    return window.page.get_by_role("region", name="Кошельки")


async def see_card(window: Window) -> None:
    await window.page.goto("/settings/security")
    await expect(card(window).get_by_role("button", name="Привязать кошелёк")).to_be_enabled()


async def link(window: Window, name: str) -> None:
    await card(window).get_by_role("button", name="Привязать кошелёк").click()
    await window.dialog.get_by_role("button", name=name).click()
    await expect(window.dialog).to_have_count(0)


async def sign_in_by(window: Window, name: str) -> None:
    await window.page.get_by_role("button", name="Войти с кошельком").click()
    await window.dialog.get_by_role("button", name=name).click()


@embedded
@pytest.mark.parametrize("name", ["Лиса", "Лодка"], ids=["ethereum", "ton"])
async def test_a_linked_wallet_signs_in_and_is_unlinked(place: Any, windows: Windows, name: str) -> None:
    anna, fox, boat = await windows.open(), Fox(), Boat()
    await install(anna, fox, boat)
    await anna.set_up(ANNA, place.setup_code)
    await see_card(anna)
    await link(anna, name)
    await expect(card(anna).get_by_role("listitem")).to_contain_text("Привязан сегодня")

    await sign_out(anna)
    await sign_in_by(anna, name)
    await anna.see_chats()
    await see_card(anna)
    await expect(card(anna).get_by_role("listitem")).to_contain_text("вход сегодня")

    await card(anna).get_by_role("button", name="Отвязать").click()
    await anna.dialog.get_by_role("button", name="Отвязать").click()
    await expect(card(anna).get_by_role("listitem")).to_have_count(0)
    await expect(anna.page.get_by_role("heading", name="Кошельки")).to_be_focused()


@embedded
async def test_a_new_wallet_makes_an_account_and_proves_its_owner_later(place: Any, windows: Windows) -> None:
    anna, vera, fox = await windows.open(), await windows.open(), Fox()
    await anna.set_up(ANNA, place.setup_code)
    await install(vera, fox, Boat())
    await vera.page.goto("/sign-in")

    await sign_in_by(vera, "Лиса")
    await vera.page.get_by_label("Как вас называть").fill(VERA.name)
    await vera.page.get_by_label("Имя пользователя", exact=True).fill(VERA.username)
    await vera.page.get_by_role("button", name="Создать аккаунт").click()
    await expect(vera.page.get_by_label("Почта")).to_have_attribute("aria-invalid", "true")
    await vera.page.get_by_label("Почта").fill(VERA.email)
    await vera.page.get_by_role("button", name="Создать аккаунт").click()
    await vera.see_chats()

    await see_card(vera)
    grow_old(place)
    await card(vera).get_by_role("button", name="Привязать кошелёк").click()
    await vera.dialog.get_by_role("button", name="Лодка").click()
    step_up = vera.page.get_by_role("dialog", name="Подтвердите, что это вы").first
    await expect(step_up.get_by_label("Пароль", exact=True)).to_have_count(0)
    await step_up.get_by_role("button", name="Подтвердить кошельком").click()
    await vera.page.get_by_role("dialog").last.get_by_role("button", name="Лиса").click()
    await expect(card(vera).get_by_role("listitem")).to_have_count(2)
    assert "Confirm that you are vera at Kaif Ozero." in fox.signed[-1]
    forgive_refusals(vera)


@embedded
async def test_the_second_step_is_asked_after_a_wallet(place: Any, windows: Windows) -> None:
    anna = await windows.open()
    await install(anna, Fox())
    await anna.set_up(ANNA, place.setup_code)
    await see_card(anna)
    await link(anna, "Лиса")
    phone, _ = await turn_on(anna)
    await sign_out(anna)

    await sign_in_by(anna, "Лиса")
    await expect(anna.page.get_by_text(ANNA.username)).to_be_visible()
    await give_code(anna, phone.code())
    await anna.see_chats()
    forgive_refusals(anna)


@embedded
async def test_who_says_no_in_their_wallet_may_try_again(place: Any, windows: Windows) -> None:
    anna, fox, boat = await windows.open(), Fox(), Boat()
    await install(anna, fox, boat)
    await anna.set_up(ANNA, place.setup_code)
    await see_card(anna)
    fox.willing = boat.willing = False
    await card(anna).get_by_role("button", name="Привязать кошелёк").click()
    for name in ("Лиса", "Лодка"):
        await anna.dialog.get_by_role("button", name=name).click()
        await expect(anna.dialog.get_by_role("button", name=name)).to_be_enabled()
        await expect(anna.dialog.get_by_role("alert")).to_have_count(0)

    fox.willing = True
    await anna.dialog.get_by_role("button", name="Лиса").click()
    await expect(card(anna).get_by_role("listitem")).to_have_count(1)


@embedded
async def test_without_a_wallet_nothing_is_offered(place: Any, windows: Windows) -> None:
    anna = await windows.open()
    await anna.set_up(ANNA, place.setup_code)
    await anna.page.goto("/settings/security")
    await expect(card(anna)).to_contain_text("В этом браузере кошелька не видно")
    await sign_out(anna)
    await expect(anna.page.get_by_role("button", name="Войти", exact=True)).to_be_visible()
    await expect(anna.page.get_by_role("button", name="Войти с кошельком")).to_have_count(0)


@pytest.mark.parametrize("place", ["split"], indirect=True)
async def test_wallets_sign_in_where_auth_is_another_process(place: Split) -> None:
    anna = await Person(place.url, "anna").set_up(place.setup_code)
    fox = EthereumWallet()
    for purpose, done in (("link", "link"), ("sign-in", "sign-in")):
        path = f"/v1/auth/wallets/{purpose}"
        begun = await anna.post(f"{path}/begin", chain="ethereum", address=fox.address)
        proof = {"chain": "ethereum", "nonce": begun["nonce"], "signature": fox.sign(begun["message"])}
        answer = await anna.post(f"/v1/auth/wallets/{done}", proof=proof)

    assert answer["user"]["id"] == anna.id
    stranger = EthereumWallet()
    begun = await anna.post("/v1/auth/wallets/sign-in/begin", chain="ethereum", address=stranger.address)
    proof = {"chain": "ethereum", "nonce": begun["nonce"], "signature": stranger.sign(begun["message"])}
    unknown = await anna.http.post("/v1/auth/wallets/sign-in", json={"proof": proof})
    assert (unknown.status_code, unknown.json()["code"]) == (403, "wallet_unknown")
    assert unknown.json()["address"] == stranger.address and unknown.json()["ticket"]
    await anna.close()


@pytest_asyncio.fixture(loop_scope="session")
async def nobody(place: Place) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=place.url, trust_env=False) as nobody:
        yield nobody


@embedded
async def test_the_manifest_is_for_everyone(place: Any, nobody: httpx.AsyncClient) -> None:
    answer = await nobody.get("/tonconnect-manifest.json")

    assert json.loads(answer.content)["url"] == place.url
    assert answer.headers["access-control-allow-origin"] == "*"


@embedded
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_nothing_about_wallets_shuts_anyone_out(place: Any, windows: Windows, size: tuple[int, int]) -> None:
    anna = await windows.open(size, reduced_motion="reduce")
    await install(anna, Fox(), Boat())
    look = Look(anna)

    await anna.set_up(ANNA, place.setup_code)
    await see_card(anna)
    await card(anna).get_by_role("button", name="Привязать кошелёк").click()
    await expect(anna.dialog.get_by_role("button", name="Лиса")).to_be_focused()
    await look("the choice")
    await anna.page.keyboard.press("Enter")
    await expect(card(anna).get_by_role("listitem")).to_have_count(1)
    await look("one")
    await sign_out(anna)
    await look("sign-in")
    await sign_in_by(anna, "Лодка")
    await expect(anna.page.get_by_label("Почта")).to_be_visible()
    await look("registration")

    look.assert_nothing_grave()
    forgive_refusals(anna)
