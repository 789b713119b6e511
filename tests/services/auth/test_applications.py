"""The operator adds applications: which addresses they may have, who may do it, and what is kept of their secrets."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.services.auth.accounts import AUDITOR, actor_of, log_in, register
from tests.services.auth.home import Home
from tests.services.auth.relying_parties import REDIRECT_URI, Party, a_party, add_party

from kaif.interfaces.auth import Nothing, Tokens
from kaif.interfaces.auth.applications import (
    APPLICATIONS_MAX,
    AddApplication,
    ApplicationId,
    ApplicationKind,
    ApplicationNotFound,
    BadApplicationName,
    BadHomepage,
    BadRedirectUri,
    ChangeApplication,
    NoSecret,
    RemoveApplication,
    RenewSecret,
    RotateSigningKeys,
    TooManyApplications,
)
from kaif.interfaces.auth.audit import Audit, ListAudit
from kaif.interfaces.auth.factors import StepUpRequired
from kaif.interfaces.auth.roles import MANAGE_APPLICATIONS, Grant, Roles
from kaif.kernel.clock import MINUTE_US
from kaif.kernel.errors import MissingPermission
from kaif.services.auth.openid import applications_store
from kaif.services.auth.openid.applications_store import StoredApplication

ALLOWED: list[tuple[ApplicationKind, str]] = [
    ("web", "https://wiki.example"),
    ("web", "https://wiki.example/"),
    ("web", "https://wiki.example:8443/a/b?c=d&e=%20"),
    ("web", "https://[2001:db8::1]/cb"),
    ("web", "http://127.0.0.1:3000/cb"),
    ("browser", "http://localhost:5173/cb"),
    ("browser", "https://page.example/~anna/(cb)"),
    ("native", "http://127.0.0.1/cb"),
    ("native", "http://[::1]/"),
    ("native", "org.example.app:/signed-in"),
    ("native", "org.example.app://signed-in"),
    ("native", "https://app.example/claimed"),
]
REFUSED: list[tuple[ApplicationKind, str]] = [
    ("web", "http://wiki.example/cb"),
    ("web", "http://127.0.0.2/cb"),
    ("web", "http://localhost.evil.example/cb"),
    ("web", "https://*.wiki.example/cb"),
    ("web", "https://wiki.example/*"),
    ("web", "https://wiki.example/cb#fragment"),
    ("web", "https://wiki.example/cb#"),
    ("web", "https://anna:secret@wiki.example/cb"),
    ("web", "https://wiki.example\\@evil.example/cb"),
    ("web", "https:///cb"),
    ("web", "https://"),
    ("web", "https:wiki.example/cb"),
    ("web", "//wiki.example/cb"),
    ("web", "/cb"),
    ("web", "wiki.example/cb"),
    ("web", "https://wiki.example/a b"),
    ("web", "https://wiki.example/\n"),
    ("web", "https://wiki.example/ё"),
    ("web", "https://вики.example/cb"),
    ("web", "javascript:alert(1)"),
    ("web", "org.example.app:/cb"),
    ("browser", "org.example.app:/cb"),
    ("native", "javascript:alert(1)"),
    ("native", "data:text/html,x"),
    ("native", "file:///etc/passwd"),
    ("native", "myapp:/cb"),
    ("native", "myapp://cb"),
    ("native", "org.example.app:cb"),
    ("native", "org.example.app:/cb#x"),
    ("native", ".app:/cb"),
]


@pytest.fixture
async def party(home: Home) -> Party:
    party, _ = await a_party(home)
    return party


@pytest.fixture
async def owner(home: Home, party: Party) -> Tokens:
    return await log_in(home.auth, "owner")


def wanted(*redirect_uris: str, kind: ApplicationKind = "web", **changes: Any) -> AddApplication:
    return AddApplication(**{"name": "Wiki", "kind": kind, "redirect_uris": list(redirect_uris), **changes})


async def test_addresses_that_may_be_registered_and_those_that_may_not(home: Home, owner: Tokens) -> None:
    actor = actor_of(owner)
    for kind, uri in ALLOWED:
        added = await home.applications.add_application(actor, wanted(uri, kind=kind))
        assert added.application.redirect_uris == [uri]
    for kind, uri in REFUSED:
        with pytest.raises(BadRedirectUri) as refused:
            await home.applications.add_application(actor, wanted(REDIRECT_URI, uri, kind=kind))
        assert refused.value.details["uri"] == uri


async def test_an_application_is_listed_with_how_it_is_used(home: Home, party: Party, owner: Tokens) -> None:
    await add_party(home, owner, "https://a.example/", name="Atlas", kind="browser", scopes=["profile"])
    anna = await register(home.auth, "anna")
    await party.allow(owner)
    home.now_us += MINUTE_US
    await party.allow(anna)

    atlas, wiki = (await home.applications.list_applications(actor_of(owner), Nothing())).applications

    assert (atlas.name, atlas.people, atlas.used_at, atlas.secret_renewed_at) == ("Atlas", 0, None, None)
    assert atlas.scopes == ["openid", "profile"], "without openid there is nothing to ask for"
    assert (wiki.name, wiki.people, wiki.redirect_uris) == ("Wiki", 2, [REDIRECT_URI])
    assert wiki.used_at and wiki.secret_renewed_at == wiki.created_at
    assert (wiki.used_at - wiki.created_at).total_seconds() == 60


async def test_a_secret_is_shown_once_and_kept_as_a_hash(home: Home, party: Party, owner: Tokens) -> None:
    assert len(party.secret) == 43
    listed = await home.applications.list_applications(actor_of(owner), Nothing())
    rows = await home.database.fetch(tuple, "SELECT * FROM auth_applications")

    assert party.secret not in str(listed) and party.secret not in str(rows)
    renewed = await home.applications.renew_secret(actor_of(owner), RenewSecret(party.id))
    assert renewed.secret not in (party.secret, "")


async def test_an_application_changes_all_but_its_kind(home: Home, party: Party, owner: Tokens) -> None:
    home.now_us += MINUTE_US
    change = ChangeApplication(
        party.id, "  Причал ", [REDIRECT_URI, REDIRECT_URI], ["email"], "RS256", "https://w.example"
    )

    changed = await home.applications.change_application(actor_of(owner), change)

    assert (changed.name, changed.kind, changed.redirect_uris) == ("Причал", "web", [REDIRECT_URI])
    assert (changed.scopes, changed.id_token_algorithm) == (["openid", "email"], "RS256")
    assert (changed.homepage, changed.changed_at > changed.created_at) == ("https://w.example", True)
    with pytest.raises(BadRedirectUri):
        await home.applications.change_application(
            actor_of(owner), ChangeApplication(party.id, "Wiki", ["org.a.b:/"], ["openid"], "ES256", "")
        )


async def test_names_and_homepages_that_deceive_are_refused(home: Home, owner: Tokens) -> None:
    for name in ("  ", "\u202egnp.exe", "a\u200bb", "…", "two\nlines"):
        with pytest.raises(BadApplicationName):
            await home.applications.add_application(actor_of(owner), wanted(REDIRECT_URI, name=name))
    for homepage in ("http://w.example", "javascript:alert(1)", "https://", "https://w.example/ё", "w.example"):
        with pytest.raises(BadHomepage):
            await home.applications.add_application(actor_of(owner), wanted(REDIRECT_URI, homepage=homepage))


async def test_an_application_without_a_secret_gets_none(home: Home, owner: Tokens) -> None:
    page = await add_party(home, owner, "https://page.example/", kind="browser")

    with pytest.raises(NoSecret):
        await home.applications.renew_secret(actor_of(owner), RenewSecret(page.id))


async def test_what_is_gone_is_not_found(home: Home, party: Party, owner: Tokens) -> None:
    await home.applications.remove_application(actor_of(owner), RemoveApplication(party.id))

    assert (await home.applications.list_applications(actor_of(owner), Nothing())).applications == []
    for application_id in (party.id, ApplicationId("nobody")):
        with pytest.raises(ApplicationNotFound):
            await home.applications.remove_application(actor_of(owner), RemoveApplication(application_id))
        with pytest.raises(ApplicationNotFound):
            await home.applications.renew_secret(actor_of(owner), RenewSecret(application_id))
        with pytest.raises(ApplicationNotFound):
            await home.applications.change_application(
                actor_of(owner), ChangeApplication(application_id, "Wiki", [REDIRECT_URI], ["openid"], "ES256", "")
            )


async def test_there_is_an_end_to_their_number(home: Home, party: Party, owner: Tokens) -> None:
    async with home.database.transaction() as tx:
        for number in range(APPLICATIONS_MAX - 1):
            await applications_store.add(
                tx,
                StoredApplication(
                    ApplicationId(f"a{number}"), "A", "web", REDIRECT_URI, "openid", "ES256", "", "", 1, 1
                ),
            )

    with pytest.raises(TooManyApplications):
        await home.applications.add_application(actor_of(owner), wanted(REDIRECT_URI))


ACTS: dict[str, tuple[str, Callable[[Party], Any]]] = {
    "listing": ("list_applications", lambda party: Nothing()),
    "adding": ("add_application", lambda party: wanted(REDIRECT_URI)),
    "changing": (
        "change_application",
        lambda party: ChangeApplication(party.id, "Wiki", [REDIRECT_URI], ["openid"], "ES256", ""),
    ),
    "renewing": ("renew_secret", lambda party: RenewSecret(party.id)),
    "removing": ("remove_application", lambda party: RemoveApplication(party.id)),
    "listing keys": ("list_signing_keys", lambda party: Nothing()),
    "rotating keys": ("rotate_signing_keys", lambda party: RotateSigningKeys()),
}


async def test_only_who_manages_applications_does_so(home: Home, party: Party, owner: Tokens) -> None:
    anna = await register(home.auth, "anna")
    for name, request in ACTS.values():
        with pytest.raises(MissingPermission):
            await getattr(home.applications, name)(actor_of(anna), request(party))

    await home.services[Roles].grant_role(actor_of(owner), Grant(anna.user.id, "admin"))
    admin = await log_in(home.auth, "anna")
    assert MANAGE_APPLICATIONS in admin.user.permissions
    for name, request in ACTS.values():
        assert await getattr(home.applications, name)(actor_of(admin), request(party))


async def test_whoever_was_not_seen_lately_changes_nothing(home: Home, party: Party, owner: Tokens) -> None:
    home.now_us += 16 * MINUTE_US
    for name, request in ACTS.values():
        if not name.startswith("list"):
            with pytest.raises(StepUpRequired):
                await getattr(home.applications, name)(actor_of(owner), request(party))

    [untouched] = (await home.applications.list_applications(actor_of(owner), Nothing())).applications
    assert untouched == party.application


async def test_what_the_operator_does_is_told_without_secrets(home: Home, party: Party, owner: Tokens) -> None:
    renewed = await home.applications.renew_secret(actor_of(owner), RenewSecret(party.id))
    await home.applications.change_application(
        actor_of(owner), ChangeApplication(party.id, "Wiki", ["https://new.example/"], ["openid"], "ES256", "")
    )
    await home.applications.rotate_signing_keys(actor_of(owner), RotateSigningKeys(at_once=True))
    await home.applications.remove_application(actor_of(owner), RemoveApplication(party.id))

    entries = (await home.services[Audit].list_audit(AUDITOR, ListAudit(limit=4))).entries
    assert [entry.action for entry in entries] == [
        "application_removed", "signing_keys_rotated", "application_changed", "application_secret_renewed",
    ]  # fmt: skip
    assert entries[2].details["redirect_uris"] == "https://new.example/"
    assert renewed.secret not in str(entries)
