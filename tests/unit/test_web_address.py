"""Where the application is, and where a visitor may be sent: no other site, whatever is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assessor import settings
from assessor.errors import SettingInvalid
from assessor.web import address
from assessor.web.signin import inside


def site(**environ: str) -> address.Site:
    return address.site(settings.read(environ, home=Path("/h"), catalog=Path("/c")))


def test_site_is_where_it_listens_unless_told_otherwise() -> None:
    found = site()
    assert found.url == "http://127.0.0.1:8080"
    assert found.hosts == {"127.0.0.1:8080", "localhost:8080", "[::1]:8080"}
    assert not found.secure


def test_address_of_the_network_is_no_name_of_this_machine() -> None:
    assert site(ASSESSOR_WEB="192.0.2.7:80").hosts == {"192.0.2.7:80"}


@pytest.mark.parametrize("every", ["0.0.0.0:8080", "[::]:8080"])
def test_every_address_is_no_name(every: str) -> None:
    with pytest.raises(SettingInvalid, match="expected the address that browsers are to use"):
        site(ASSESSOR_WEB=every)
    assert site(ASSESSOR_WEB=every, ASSESSOR_WEB_URL="http://a.example:8080").hosts >= {"a.example:8080"}


def test_site_behind_tls_goes_by_its_name_alone() -> None:
    found = site(ASSESSOR_WEB_URL="https://learn.example/")
    assert found.url == "https://learn.example"
    assert found.hosts == {"learn.example", "learn.example:443"}
    assert found.secure
    assert found.origin("learn.example") == "https://learn.example"


def test_other_port_is_part_of_the_name() -> None:
    found = site(ASSESSOR_WEB_URL="https://learn.example:8443")
    assert found.url == "https://learn.example:8443"
    assert found.hosts == {"learn.example:8443"}


@pytest.mark.parametrize(
    "url",
    [
        "learn.example",
        "ftp://learn.example",
        "https://learn.example/path",
        "https://learn.example?a",
        "https://learn.example#a",
        "https://user@learn.example",
        "https://learn.example:port",
        "https://[::1",
        "https://",
    ],
)
def test_url_that_is_no_origin_is_refused(url: str) -> None:
    with pytest.raises(SettingInvalid, match="expected scheme, host and perhaps a port"):
        site(ASSESSOR_WEB_URL=url)


@pytest.mark.parametrize("path", ["/", "/tasks", "/tasks/sum?from=1&to=2", "/a%20b", "/wie/größe"])
def test_path_of_this_site_is_gone_to(path: str) -> None:
    assert inside(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tasks",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "/tasks\\..\\evil",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\u2028/evil.example",
    ],
)
def test_path_that_leads_elsewhere_leads_home(path: str) -> None:
    assert inside(path) == "/"


@given(st.text(alphabet="/\\\t\n .:@ahtpsevil%0", max_size=12))
def test_no_text_leads_to_another_site(text: str) -> None:
    found = inside(text)
    # What browsers do before they look where it leads. Source: URL Standard, basic URL parser.
    seen = found.replace("\t", "").replace("\n", "").replace("\r", "").replace("\\", "/").strip()
    assert seen.startswith("/")
    assert not seen.startswith("//")
