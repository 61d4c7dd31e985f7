"""Settings: what the environment may say, and what is refused by the name of its variable."""

from __future__ import annotations

from pathlib import Path

import pytest

from assessor import settings
from assessor.errors import SettingInvalid
from assessor.waiting import Rate


def test_empty_environment_means_everything_in_the_folder_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = settings.read({})
    assert (found.home, found.catalog) == (tmp_path / ".assessor", tmp_path)
    assert found.database_url == f"sqlite:///{tmp_path}/.assessor/assessor.db"
    assert (found.blobs_url, found.redis_url) == (f"{tmp_path}/.assessor/blobs", None)
    assert found.sandbox is settings.SandboxKind.DOCKER
    assert (found.spool, found.evidence) == (found.home / "spool", found.home / "evidence")
    assert found.keys == found.home / "keys"
    assert list(tmp_path.iterdir()) == [], "reading makes nothing"


def test_every_variable_is_heard() -> None:
    found = settings.read(
        {
            "ASSESSOR_HOME": "/h",
            "ASSESSOR_CATALOG": "/c",
            "ASSESSOR_DATABASE_URL": "postgresql://d",
            "ASSESSOR_BLOBS_URL": "s3://b",
            "ASSESSOR_REDIS_URL": "redis://r",
            "ASSESSOR_SANDBOX": "unsafe_local",
            "ASSESSOR_RUNTIME": "crun",
            "ASSESSOR_WORKERS": "7",
            "ASSESSOR_LEASE_S": "60",
            "ASSESSOR_SWEEP_S": "0.5",
            "ASSESSOR_LOG_FORMAT": "json",
            "ASSESSOR_LEAST_DISK_MIB": "100",
            "ASSESSOR_LEAST_MEMORY_MIB": "200",
            "ASSESSOR_SLOW_ENGINE_S": "2.5",
            "ASSESSOR_HEALTH": "[::1]:8080",
            "ASSESSOR_RATE": "30/2h",
            "ASSESSOR_STARVE_S": "90",
            "ASSESSOR_ENGINE_KEY": "kms:engine",
            "ASSESSOR_ISSUER_KEY": "kms:issuer",
            "ASSESSOR_LOG_KEY": "kms:log",
            "ASSESSOR_KEY_PASSPHRASE": "a passphrase",
            "ASSESSOR_PUBLIC_URL": "https://a.example",
            "ASSESSOR_SITE": "/site",
            "ASSESSOR_WEB": "0.0.0.0:8443",
            "ASSESSOR_WEB_URL": "https://learn.example",
            "ASSESSOR_WEB_RATE": "90/1m",
            "ASSESSOR_TRUSTED_PROXIES": "10.0.0.1, 10.1.0.0/16",
            "ASSESSOR_UPLOAD_MIB": "8",
            "ASSESSOR_OIDC_ISSUER": "https://id.example",
            "ASSESSOR_OIDC_CLIENT_ID": "assessor",
            "ASSESSOR_OIDC_CLIENT_SECRET": "a secret",
            "ASSESSOR_OIDC_NAME": "School",
            "ASSESSOR_OIDC_DOMAINS": "A.example,b.example",
        }
    )
    assert found == settings.Settings(
        home=Path("/h"),
        catalog=Path("/c"),
        database_url="postgresql://d",
        blobs_url="s3://b",
        redis_url="redis://r",
        sandbox=settings.SandboxKind.UNSAFE_LOCAL,
        runtime="crun",
        workers=7,
        lease_s=60,
        sweep_s=0.5,
        log_format=settings.LogFormat.JSON,
        least_disk_mib=100,
        least_memory_mib=200,
        slow_engine_s=2.5,
        health=("::1", 8080),
        rate=Rate(count=30, per_s=7200),
        starve_s=90,
        engine_key="kms:engine",
        issuer_key="kms:issuer",
        log_key="kms:log",
        key_passphrase="a passphrase",
        public_url="https://a.example",
        site=Path("/site"),
        web=("0.0.0.0", 8443),
        web_url="https://learn.example",
        web_rate=settings.Rate(count=90, per_s=60),
        trusted_proxies=("10.0.0.1", "10.1.0.0/16"),
        upload_mib=8,
        oidc=settings.Oidc(
            issuer="https://id.example",
            client_id="assessor",
            client_secret="a secret",
            name="School",
            domains=("a.example", "b.example"),
        ),
    )
    assert not [secret for secret in ("kms:", "passphrase'") if secret in repr(found)], (
        "secrets are not shown"
    )


def test_passphrase_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    for text in ("correct horse\n", "correct horse", "correct horse\r\n"):
        file.write_bytes(text.encode())
        assert settings.read({"ASSESSOR_KEY_PASSPHRASE_FILE": str(file)}).key_passphrase == "correct horse"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "got 0 characters in 0 lines"),
        (b"one\ntwo\n", "got 7 characters in 2 lines"),
        (b"x" * 1025, "of at most 1024 bytes, got 1025 characters in 1 lines"),
        (b"\xff", "expected a file that holds a passphrase, got: 'utf-8' codec"),
        (None, "expected a file that holds a passphrase, got: [Errno 2] No such file"),
    ],
)
def test_file_without_a_passphrase_is_refused_and_not_shown(
    tmp_path: Path, data: bytes | None, text: str
) -> None:
    file = tmp_path / "passphrase"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(SettingInvalid) as caught:
        settings.read({"ASSESSOR_KEY_PASSPHRASE_FILE": str(file)})
    assert str(caught.value).startswith("ASSESSOR_KEY_PASSPHRASE_FILE: expected a file")
    assert text in str(caught.value)
    assert "one" not in str(caught.value).replace("one line", "")


def test_passphrase_is_given_in_one_way(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid, match=r"^ASSESSOR_KEY_PASSPHRASE: expected it or .*_FILE, got both$"):
        settings.read({"ASSESSOR_KEY_PASSPHRASE": "x", "ASSESSOR_KEY_PASSPHRASE_FILE": str(tmp_path)})


@pytest.mark.parametrize(
    ("value", "rate"),
    [
        ("", Rate(count=60, per_s=600)),
        ("1/1s", Rate(count=1, per_s=1)),
        ("30/10m", Rate(count=30, per_s=600)),
        ("999/7d", Rate(count=999, per_s=7 * 24 * 3600)),
        ("none", None),
    ],
)
def test_rate_is_a_number_and_a_time(value: str, rate: Rate | None) -> None:
    assert settings.read({"ASSESSOR_RATE": value}).rate == rate


def test_flag_wins_over_its_variable() -> None:
    environ = {"ASSESSOR_HOME": "/h", "ASSESSOR_CATALOG": "/c"}
    found = settings.read(environ, home=Path("/x"), catalog=Path("/y"))
    assert (found.home, found.catalog) == (Path("/x"), Path("/y"))


def test_empty_variable_counts_as_unset() -> None:
    names = ["HOME", "REDIS_URL", "SANDBOX", "WORKERS", "SWEEP_S", "LOG_FORMAT", "HEALTH"]
    assert settings.read({f"ASSESSOR_{name}": "" for name in names}) == settings.read({})


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("SANDBOX", "none", "ASSESSOR_SANDBOX: expected one of docker, unsafe_local, got 'none'"),
        ("LOG_FORMAT", "xml", "ASSESSOR_LOG_FORMAT: expected one of console, json, got 'xml'"),
        ("WORKERS", "many", "ASSESSOR_WORKERS: expected a number, got 'many'"),
        ("WORKERS", "0", "ASSESSOR_WORKERS: expected 1 to 256, got 0"),
        ("WORKERS", "2.5", "ASSESSOR_WORKERS: expected a whole number, got '2.5'"),
        ("LEASE_S", "1", "ASSESSOR_LEASE_S: expected 2 to 3600, got 1"),
        ("SWEEP_S", "nan", "ASSESSOR_SWEEP_S: expected 0.1 to 20, got nan"),
        ("LEAST_DISK_MIB", "0", "ASSESSOR_LEAST_DISK_MIB: expected 1 to 1048576, got 0"),
        ("SLOW_ENGINE_S", "0", "ASSESSOR_SLOW_ENGINE_S: expected 0.1 to 60, got 0"),
        ("HEALTH", "8080", "ASSESSOR_HEALTH: expected HOST:PORT such as 127.0.0.1:8080, got '8080'"),
        ("STARVE_S", "0", "ASSESSOR_STARVE_S: expected 1 to 604800, got 0"),
        *(
            (
                "RATE",
                value,
                "ASSESSOR_RATE: expected submissions and a time, such as 60/10m (s, m, h or d), or none, "
                f"got {value!r}",
            )
            for value in ("60", "0/10m", "60/0m", "60/10", "-1/10m", "60/10m ", "٣/1m", "None")
        ),
        ("SWEEP_S", "inf", "ASSESSOR_SWEEP_S: expected 0.1 to 20, got inf"),
    ],
)
def test_value_without_sense_is_refused_by_the_name_of_its_variable(name: str, value: str, text: str) -> None:
    with pytest.raises(SettingInvalid) as caught:
        settings.read({f"ASSESSOR_{name}": value})
    assert str(caught.value) == text


@pytest.mark.parametrize("text", ["127.0.0.1:80", "[::1]:65535", "localhost:1", "example.org:8080"])
def test_address_is_read_and_shown_as_it_was_given(text: str) -> None:
    assert settings.shown(settings.address(text, name="--health")) == text


@pytest.mark.parametrize("text", ["", ":80", "host:", "host:0", "host:65536", "::1:80", "host:٣", "host:-1"])
def test_text_that_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(SettingInvalid, match=r"^--health: expected HOST:PORT"):
        settings.address(text, name="--health")


def test_web_is_at_the_public_url_unless_told_otherwise() -> None:
    assert settings.read({"ASSESSOR_PUBLIC_URL": "https://a.example"}).web_url == "https://a.example"
    assert settings.read({}).web_url is None


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        (
            {"ASSESSOR_OIDC_ISSUER": "https://id.example", "ASSESSOR_OIDC_CLIENT_ID": "a"},
            "ASSESSOR_OIDC_CLIENT_SECRET: expected all three of OIDC or none, got none of these",
        ),
        (
            {
                "ASSESSOR_OIDC_ISSUER": "http://id.example",
                "ASSESSOR_OIDC_CLIENT_ID": "a",
                "ASSESSOR_OIDC_CLIENT_SECRET": "b",
            },
            "ASSESSOR_OIDC_ISSUER: expected an https address, got 'http://id.example'",
        ),
        (
            {"ASSESSOR_WEB_RATE": "many"},
            "ASSESSOR_WEB_RATE: expected requests and a time, such as 60/10m (s, m, h or d), or none, "
            "got 'many'",
        ),
        *(
            (
                {"ASSESSOR_TRUSTED_PROXIES": f"10.0.0.1, {one}"},
                "ASSESSOR_TRUSTED_PROXIES: expected addresses or networks such as 127.0.0.1 or 10.0.0.0/8, "
                f"got {one!r}: {why}",
            )
            for one, why in (
                # Anybody would name the address that their guesses are counted for.
                ("*", "'*' does not appear to be an IPv4 or IPv6 network"),
                # Taken for names, these two would be nobody's.
                ("proxy", "'proxy' does not appear to be an IPv4 or IPv6 network"),
                ("10.1.2.3/8", "10.1.2.3/8 has host bits set"),
            )
        ),
    ],
)
def test_settings_of_the_web_that_make_no_sense_are_refused(environ: dict[str, str], problem: str) -> None:
    with pytest.raises(SettingInvalid) as refused:
        settings.read(environ)
    assert str(refused.value) == problem


def test_no_secret_of_the_provider_is_shown() -> None:
    config = settings.Oidc(issuer="https://id.example", client_id="a", client_secret="hush")
    assert "hush" not in repr(config)
