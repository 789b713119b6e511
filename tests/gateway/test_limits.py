"""Rate limits: the algorithm's promises, and what a client is told."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.harness import PASSWORD, Server, people, running_server

from kaif.gateway.addresses import client_address, limit_subject, parse_networks
from kaif.kernel.limits import SUBJECTS_MAX, Allowance, Limit, Limits

limits = st.builds(Limit, st.just("any"), st.integers(1, 100_000), st.integers(1, 1000))
pauses_s = st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=60)


class Hours:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@given(limits)
def test_a_whole_burst_passes_at_once_and_no_more(limit: Limit) -> None:
    taker = Limits(clock=Hours())

    taken = [taker.take(limit, "anna") for _ in range(limit.burst + 1)]

    assert [allowance.retry_after_s for allowance in taken[:-1]] == [0] * limit.burst
    assert [allowance.remaining for allowance in taken[:-1]] == list(range(limit.burst - 1, -1, -1))
    assert taken[-1].retry_after_s > 0 and taken[-1].remaining == 0


@given(limits, pauses_s)
def test_never_more_pass_than_a_burst_and_the_rate(limit: Limit, pauses: list[float]) -> None:
    hours = Hours()
    taker, passed = Limits(clock=hours), 0

    for pause_s in pauses:
        hours.now_s += pause_s
        passed += sum(not taker.take(limit, "anna").retry_after_s for _ in range(20))

    assert passed <= limit.burst + sum(pauses) * limit.per_minute / 60 + 1


@given(limits, pauses_s)
def test_who_waits_as_long_as_told_may_pass(limit: Limit, pauses: list[float]) -> None:
    hours = Hours()
    taker = Limits(clock=hours)

    for pause_s in pauses:
        hours.now_s += pause_s
        allowance = refused = taker.take(limit, "anna")
        while not allowance.retry_after_s:
            allowance = refused = taker.take(limit, "anna")
        hours.now_s += refused.retry_after_s
        assert not taker.take(limit, "anna").retry_after_s


@given(limits)
def test_a_steady_client_within_the_rate_is_never_refused(limit: Limit) -> None:
    hours = Hours()
    taker = Limits(clock=hours)

    for _ in range(500):
        assert not taker.take(limit, "anna").retry_after_s
        hours.now_s += 60 / limit.per_minute


def test_a_refused_request_costs_nothing() -> None:
    hours, limit = Hours(), Limit("any", per_minute=60, burst=1)
    taker = Limits(clock=hours)
    taker.take(limit, "anna")

    waits = {taker.take(limit, "anna").retry_after_s for _ in range(100)}

    assert waits == {1.0}


def test_subjects_and_limits_do_not_touch_each_other() -> None:
    one, other = Limit("one", 60, 1), Limit("other", 60, 1)
    taker = Limits(clock=Hours())

    taken = [taker.take(limit, who) for limit in (one, other) for who in ("anna", "boris")]

    assert not any(allowance.retry_after_s for allowance in taken)


def test_a_scale_loosens_every_limit() -> None:
    limit, taker = Limit("any", per_minute=60, burst=2), Limits(10, Hours())

    taken: list[Allowance] = [taker.take(limit, "anna") for _ in range(21)]

    assert [bool(allowance.retry_after_s) for allowance in taken] == [False] * 20 + [True]
    assert b"ratelimit-limit: 20\r\n" in taken[0].headers


def test_memory_is_bounded_when_every_address_is_new() -> None:
    limit, taker = Limit("any", per_minute=60, burst=1), Limits(clock=Hours())

    for number in range(SUBJECTS_MAX + 10):
        taker.take(limit, str(number))

    assert taker.take(limit, str(SUBJECTS_MAX)).retry_after_s, "the newest are remembered"
    assert not taker.take(limit, "0").retry_after_s, "the oldest made room"


PROXIES = parse_networks("10.0.0.0/8, ::1")


@pytest.mark.parametrize(
    ("peer", "claims", "address"),
    [
        ("203.0.113.9", b"198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", b"198.51.100.1", "198.51.100.1"),
        ("::1", b"198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", b"1.1.1.1, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", b"", "10.0.0.1"),
        ("10.0.0.1", b"nonsense", "10.0.0.1"),
        ("10.0.0.1", b"\xff, ,", "10.0.0.1"),
        ("10.0.0.1", b"10.0.0.9", "10.0.0.9"),
        ("", b"1.1.1.1", ""),
    ],
)
def test_only_a_trusted_proxys_word_counts(peer: str, claims: bytes, address: str) -> None:
    assert client_address(peer, claims, PROXIES) == address


def test_a_household_of_ipv6_is_one() -> None:
    assert limit_subject("2001:db8:1:2::3") == limit_subject("2001:db8:1:2:ffff::9") == "2001:db8:1:2::"
    assert limit_subject("2001:db8:1:3::3") != limit_subject("2001:db8:1:2::3")
    assert limit_subject("203.0.113.9") == "203.0.113.9"


async def test_every_answer_of_the_api_tells_what_is_left(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url) as client:
        first, second = [await client.get("/v1/auth/setup") for _ in range(2)]

    assert int(first.headers["ratelimit-limit"]) >= int(first.headers["ratelimit-remaining"]) > 0
    assert int(second.headers["ratelimit-reset"]) >= 0


class TestStrictServer:
    """With the limits that a new installation has."""

    async def test_guesses_of_passwords_end_soon_whatever_the_address_claims_to_be(
        self, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        async with (
            running_server(tmp_path_factory.mktemp("strict"), KAIF_LIMITS_SCALE="1") as server,
            people(server, "anna") as (anna,),
        ):
            guess = {"login": "anna", "password": "a guess of a password"}
            answers = [
                await anna.http.post("/v1/auth/login", json=guess, headers={"x-forwarded-for": f"203.0.113.{number}"})
                for number in range(11)
            ]

            refused = answers[-1]
            assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
            assert 1 <= int(refused.headers["retry-after"]) <= 6
            assert refused.headers["ratelimit-remaining"] == "0"
            assert refused.json()["retry_after_ms"] > 0
            # Another route and another person have limits of their own.
            assert (await anna.http.get("/v1/auth/me")).status_code == 200

            # All who know somebody are told how they are called: they can't be made to listen to it without end.
            for path, told in (("display-name", {"display_name": "Аня"}), ("avatar-colour", {"avatar_colour": 3})):
                answers = [await anna.http.post(f"/v1/auth/{path}", json=told) for _ in range(25)]
                assert {answer.status_code for answer in answers} == ({200, 429} if path == "display-name" else {429})

    async def test_each_client_of_a_trusted_proxy_has_its_own_limit(
        self, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        folder = tmp_path_factory.mktemp("behind")
        async with (
            running_server(folder, KAIF_LIMITS_SCALE="0.1", KAIF_TRUSTED_PROXIES="127.0.0.0/8") as server,
            httpx.AsyncClient(base_url=server.url) as client,
        ):

            async def guess(address: str) -> int:
                body = {"login": "nobody", "password": PASSWORD}
                return (
                    await client.post("/v1/auth/login", json=body, headers={"x-forwarded-for": address})
                ).status_code

            assert [await guess("203.0.113.1"), await guess("203.0.113.1")] == [401, 429]
            assert await guess("203.0.113.2") == 401
            # What a client writes into the header itself stands before what the proxy adds.
            assert await guess("203.0.113.3, 203.0.113.1") == 429
