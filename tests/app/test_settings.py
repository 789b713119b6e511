"""Settings: read from the environment, refused in one sentence that names the variable."""

from pathlib import Path

import pytest

from kaif.app.settings import Misconfigured, Settings, read_settings


def read(**environment: str) -> Settings:
    return read_settings(Path("data"), "127.0.0.1", 8080, environment)


def test_without_any_setting_everything_lives_in_the_data_folder() -> None:
    settings = read()

    assert settings.database_url == "sqlite:data/kaif.db"
    assert (settings.cache_url, settings.mail_url) == ("memory:", "mailbox:data/mailbox")
    assert (settings.limits_scale, settings.trusted_proxies, settings.auth_addresses) == (1, [], [])


@pytest.mark.asvs("6.3.2", "6.4.1")
def test_each_start_without_a_set_up_code_has_another() -> None:
    codes = {read().setup_code for _ in range(5)} | {read(KAIF_SETUP_CODE="").setup_code}

    assert len(codes) == 6 and all(len(code) >= 24 for code in codes)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KAIF_LIMITS_SCALE", "0"),
        ("KAIF_LIMITS_SCALE", "-1"),
        ("KAIF_LIMITS_SCALE", "many"),
        ("KAIF_LIMITS_SCALE", "nan"),
        ("KAIF_LIMITS_SCALE", "inf"),
        ("KAIF_TRUSTED_PROXIES", "proxy.example"),
        ("KAIF_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("KAIF_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("KAIF_AUTH", "9001"),
        ("KAIF_MESSAGING", "127.0.0.1:"),
        ("KAIF_MESSAGING", "127.0.0.1:port"),
        ("KAIF_MESSAGING", "127.0.0.1:99999"),
        ("KAIF_DATABASE_URL", "mysql://x"),
        ("KAIF_CACHE_URL", "memcached://x"),
        ("KAIF_SIGNING_KEY_FILE", "/nowhere/key.json"),
        ("KAIF_CDN_URL", "cdn.ozero.example"),
        # Cookies of one port go to all ports.
        ("KAIF_CDN_URL", "https://127.0.0.1:9000"),
        ("KAIF_CDN_PURGE", "cloudflare:023e105f4ecef8ad9ca31a8372d0c353"),
        ("KAIF_STRAIGHT_UPLOADS", "s3.example/bucket"),
        ("KAIF_STRAIGHT_UPLOADS", "https://s3.example/bucket?x"),
        ("KAIF_STRAIGHT_UPLOADS", "https://s3.example/../bucket; script-src *"),
        ("KAIF_PUBLIC_URL", "ozero.example"),
        ("KAIF_PUBLIC_URL", "ftp://ozero.example"),
        ("KAIF_PUBLIC_URL", "https://ozero.example/kaif"),
        ("KAIF_PUBLIC_URL", "https://ozero.example?x"),
        ("KAIF_PUBLIC_URL", "https://me:secret@ozero.example"),
        ("KAIF_PUBLIC_URL", "https://ozero.example\nx"),
    ],
)
def test_a_broken_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        read(**{name: value})

    assert name in str(refused.value)


@pytest.mark.parametrize("cdn", ["https://ozero.example", "https://OZERO.example:8443", "http://cdn.ozero.example"])
def test_a_cdn_is_another_host_and_as_safe(cdn: str) -> None:
    with pytest.raises(Misconfigured, match="KAIF_CDN_URL"):
        read(KAIF_PUBLIC_URL="https://Ozero.example", KAIF_CDN_URL=cdn)
    assert read(KAIF_PUBLIC_URL="https://ozero.example", KAIF_CDN_URL="https://CDN.ozero.example/").cdn_url == (
        "https://cdn.ozero.example"
    )


def test_uploads_go_to_a_bucket_as_safely_as_pages_come() -> None:
    with pytest.raises(Misconfigured, match="KAIF_STRAIGHT_UPLOADS"):
        read(KAIF_PUBLIC_URL="https://ozero.example", KAIF_STRAIGHT_UPLOADS="http://s3.example/bucket")
    assert read(KAIF_STRAIGHT_UPLOADS="https://s3.example/bucket/").straight_uploads == "https://s3.example/bucket"


def test_a_password_in_a_url_is_not_repeated() -> None:
    with pytest.raises(Misconfigured) as refused:
        read(KAIF_DATABASE_URL="mysql://kaif:secret@host/db")

    assert "secret" not in str(refused.value)


@pytest.mark.asvs("13.3.1")
def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")

    settings = read(KAIF_METRICS_TOKEN_FILE=str(tmp_path / "secret"), KAIF_METRICS_TOKEN="another")

    assert settings.metrics_token == "from a file"


def test_addresses_and_networks_are_lists() -> None:
    settings = read(KAIF_AUTH="127.0.0.1:9001, [::1]:9002,", KAIF_TRUSTED_PROXIES="127.0.0.1, 10.0.0.0/8")

    assert [port for _, port in settings.auth_addresses] == [9001, 9002]
    assert [str(network) for network in settings.trusted_proxies] == ["127.0.0.1/32", "10.0.0.0/8"]


def test_the_address_of_ipv6_stands_in_brackets() -> None:
    assert read_settings(Path("data"), "::1", 8080, {}).public_url == "http://[::1]:8080"


@pytest.mark.parametrize("url", ["https://ozero.example", "http://127.0.0.1:8080", "https://[::1]:8443"])
def test_the_public_address_is_the_one_that_is_set_and_the_listening_one_stays(url: str) -> None:
    settings = read(KAIF_PUBLIC_URL=f"{url}/")

    assert (settings.public_url, settings.listening_url) == (url, "http://127.0.0.1:8080")
