"""The operator decides whose word counts, and their secrets are told to nobody."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from tests.elsewhere import SECRET, Liar
from tests.services.auth.accounts import PASSWORD, actor_of, set_up
from tests.services.auth.home import Home
from tests.services.auth.sign_in_services import REDIRECT_URI, add_issuer, sign_up

from kaif.interfaces.auth import Nothing
from kaif.interfaces.auth.factors import StepUp, StepUpRequired
from kaif.interfaces.auth.identities import Authorization, ServiceAnswer, SignInService
from kaif.interfaces.auth.providers import (
    PROVIDERS_MAX,
    AddProvider,
    BadIssuer,
    BadProviderName,
    ChangeProvider,
    GivenProvider,
    IssuerUnfit,
    Provider,
    ProviderAlreadyAdded,
    ProviderId,
    ProviderNotFound,
    TooManyProviders,
)
from kaif.interfaces.auth.roles import MANAGE_PROVIDERS, PERMISSIONS
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.errors import MissingPermission
from kaif.services.auth.providers.authorization import is_acceptable, is_issuer

MINUTE_US = 60_000_000


@pytest.fixture
async def owner(home: Home) -> Actor:
    return actor_of(await set_up(home.auth))


@pytest.fixture
async def liar(home: Home) -> AsyncIterator[Liar]:
    liar = Liar(lambda: home.now_us)
    await liar.start()
    yield liar
    await liar.stop()


async def listed(home: Home, owner: Actor) -> list[Provider]:
    return (await home.providers.list_providers(owner, Nothing())).providers


async def test_what_was_added_is_listed_and_offered(home: Home, owner: Actor, liar: Liar) -> None:
    added = await add_issuer(home, owner, liar.url, name="  Наш вход ")

    assert (added.kind, added.name, added.issuer, added.client_id) == ("oidc", "Наш вход", liar.url, "kaif")
    assert (added.has_secret, added.enabled, added.linked) == (True, True, 0)
    assert await listed(home, owner) == [added]
    services = (await home.identities.list_services(NOBODY, Nothing())).services
    assert services == [SignInService(added.id, "oidc", "Наш вход")]


async def test_the_operator_learns_what_to_register(home: Home, owner: Actor) -> None:
    found = await home.providers.list_providers(owner, Nothing())

    assert found.redirect_uri == REDIRECT_URI
    assert [(preset.kind, preset.name, preset.issuer) for preset in found.presets] == [
        ("google", "Google", "https://accounts.google.com"),
        ("github", "GitHub", "https://github.com"),
        ("vk", "VK ID", "https://id.vk.com"),
        ("oidc", "", ""),
    ]


async def test_only_who_manages_sign_in_services_does_so(home: Home, owner: Actor, liar: Liar) -> None:
    added = await add_issuer(home, owner, liar.url)
    everything_else = msgspec.structs.replace(owner, permissions=PERMISSIONS - {MANAGE_PROVIDERS})

    for acting in (
        home.providers.list_providers(everything_else, Nothing()),
        home.providers.add_provider(everything_else, AddProvider("github", "id", "secret")),
        home.providers.change_provider(everything_else, ChangeProvider(added.id, enabled=False)),
        home.providers.check_provider(everything_else, GivenProvider(added.id)),
        home.providers.remove_provider(everything_else, GivenProvider(added.id)),
    ):
        with pytest.raises(MissingPermission):
            await acting

    assert await listed(home, owner) == [added]


@pytest.mark.asvs("13.3.1")
async def test_a_secret_is_sealed_and_never_told(home: Home, owner: Actor, liar: Liar) -> None:
    added = await add_issuer(home, owner, liar.url)
    changed = await home.providers.change_provider(owner, ChangeProvider(added.id, client_secret="another-secret"))

    told = msgspec.json.encode([added, changed, await home.providers.list_providers(owner, Nothing())]).decode()
    told += str(await home.database.fetch(tuple, "SELECT * FROM auth_providers"))
    told += str(await home.database.fetch(tuple, "SELECT details FROM auth_audit"))
    assert SECRET not in told and "another-secret" not in told


async def test_who_is_linked_is_counted(home: Home, owner: Actor, liar: Liar) -> None:
    provider = await add_issuer(home, owner, liar.url)

    async def visit(begun: Authorization) -> ServiceAnswer:
        return liar.grant(begun)

    await sign_up(home, provider, visit)

    assert [each.linked for each in await listed(home, owner)] == [1]


async def test_what_is_not_changed_stays(home: Home, owner: Actor, liar: Liar) -> None:
    added = await add_issuer(home, owner, liar.url)

    renamed = await home.providers.change_provider(owner, ChangeProvider(added.id, name="Work"))
    assert renamed == msgspec.structs.replace(added, name="Work")
    public = await home.providers.change_provider(owner, ChangeProvider(added.id, client_secret="", client_id="new"))
    assert public == msgspec.structs.replace(renamed, has_secret=False, client_id="new")
    off = await home.providers.change_provider(owner, ChangeProvider(added.id, enabled=False))
    assert off == msgspec.structs.replace(public, enabled=False)
    assert await listed(home, owner) == [off]


async def test_every_change_is_in_the_log(home: Home, owner: Actor, liar: Liar) -> None:
    added = await add_issuer(home, owner, liar.url)
    await home.providers.change_provider(owner, ChangeProvider(added.id, enabled=False, client_secret="x"))
    await home.providers.remove_provider(owner, GivenProvider(added.id))

    [entry] = await home.audited("provider_added")
    assert (entry.actor_id, entry.details["issuer"]) == (owner.user_id, liar.url)
    [entry] = await home.audited("provider_changed")
    assert (entry.details["enabled"], entry.details["secret_changed"]) == (False, True)
    [entry] = await home.audited("provider_removed")
    assert entry.details["provider"] == added.id


async def test_a_service_is_added_once(home: Home, owner: Actor, liar: Liar) -> None:
    await add_issuer(home, owner, liar.url)
    another = await add_issuer(home, owner, liar.url, client_id="another")

    with pytest.raises(ProviderAlreadyAdded):
        await add_issuer(home, owner, liar.url)
    with pytest.raises(ProviderAlreadyAdded):
        await home.providers.change_provider(owner, ChangeProvider(another.id, client_id="kaif"))
    assert len(await listed(home, owner)) == 2


async def test_there_are_not_more_services_than_a_page_can_show(home: Home, owner: Actor) -> None:
    for number in range(PROVIDERS_MAX):
        await home.providers.add_provider(owner, AddProvider("github", f"client-{number}"))

    with pytest.raises(TooManyProviders):
        await home.providers.add_provider(owner, AddProvider("github", "one-more"))


async def test_what_is_removed_is_gone(home: Home, owner: Actor, liar: Liar) -> None:
    added = await add_issuer(home, owner, liar.url)
    await home.providers.remove_provider(owner, GivenProvider(added.id))

    assert await listed(home, owner) == []
    for asking in (
        home.providers.remove_provider(owner, GivenProvider(added.id)),
        home.providers.check_provider(owner, GivenProvider(added.id)),
        home.providers.change_provider(owner, ChangeProvider(added.id, name="x")),
        home.providers.remove_provider(owner, GivenProvider(ProviderId("nobody"))),
    ):
        with pytest.raises(ProviderNotFound):
            await asking


async def test_a_change_wants_somebody_who_is_there(home: Home, owner: Actor, liar: Liar) -> None:
    added = await add_issuer(home, owner, liar.url)
    asked = len(liar.asked)
    home.now_us += 16 * MINUTE_US

    for asking in (
        add_issuer(home, owner, liar.url, client_id="another"),
        home.providers.change_provider(owner, ChangeProvider(added.id, enabled=False)),
        home.providers.remove_provider(owner, GivenProvider(added.id)),
    ):
        with pytest.raises(StepUpRequired):
            await asking
    assert len(liar.asked) == asked
    assert await listed(home, owner) == [added]

    await home.factors.step_up(owner, StepUp(PASSWORD))
    await home.providers.remove_provider(owner, GivenProvider(added.id))


async def test_an_issuer_is_asked_again_when_the_operator_wants_to_know(home: Home, owner: Actor, liar: Liar) -> None:
    added = await add_issuer(home, owner, liar.url)
    await home.providers.check_provider(owner, GivenProvider(added.id))

    liar.document = {"issuer": "https://elsewhere.example"}

    with pytest.raises(IssuerUnfit) as raised:
        await home.providers.check_provider(owner, GivenProvider(added.id))
    assert raised.value.details["reason"] == "issuer"


@pytest.mark.parametrize("name", ["\u202e", "...", "a\nb"])
async def test_a_name_can_be_read(home: Home, owner: Actor, name: str) -> None:
    with pytest.raises(BadProviderName):
        await home.providers.add_provider(owner, AddProvider("github", "client", name=name))


async def test_an_issuer_without_a_name_of_its_own_needs_one(home: Home, owner: Actor, liar: Liar) -> None:
    with pytest.raises(BadProviderName):
        await add_issuer(home, owner, liar.url, name="")


@pytest.mark.parametrize(
    "issuer", ["", "http://accounts.example", "ftp://127.0.0.1", "https://a.example?x=1", "javascript:alert(1)"]
)
async def test_an_address_that_is_none_is_refused_before_it_is_asked(home: Home, owner: Actor, issuer: str) -> None:
    with pytest.raises(BadIssuer):
        await add_issuer(home, owner, issuer)


ADDRESSES = {
    "https://accounts.example": True,
    "https://accounts.example:8443/realms/main": True,
    "http://127.0.0.1:4000": True,
    "http://localhost:4000": True,
    "http://[::1]:4000": True,
    "http://127.0.0.1.evil.example": False,
    "http://localhost.evil.example": False,
    "http://localhost@evil.example": False,
    "http://10.0.0.1": False,
    "http://0.0.0.0": False,
    "https://user@accounts.example": False,
    "https://accounts.example/#": False,
    "https://accounts.example/?": False,
    "https://accounts.example:0": False,
    "https://accounts.example:99999": False,
    "https://": False,
    "//accounts.example": False,
    "https://[::1": False,
}


@pytest.mark.parametrize(("address", "expected"), ADDRESSES.items())
def test_issuers_are_reached_by_tls_or_on_this_machine(address: str, expected: bool) -> None:
    assert is_issuer(address) is expected


def test_an_issuer_elsewhere_has_no_part_on_this_machine() -> None:
    assert not is_acceptable("http://127.0.0.1:4000/token", near=False)
    assert is_acceptable("https://accounts.example/token?tenant=1", near=False)
