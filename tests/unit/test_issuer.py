"""issuer.yaml: who awards, how they are named, and what is refused by line and column."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from assessor import catalog, issuer
from assessor.errors import FileInvalid, SettingInvalid
from assessor.issuer import Method

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path d="M0 0h8v8z"/></svg>'
WHOLE = """name: Beispiel School
url: https://badges.example.org/school
did: web
description: Teaches what it says.
email: badges@example.org
image: logo.svg
"""


def named(method: Method, url: str) -> str:
    return f"did:{method.value}:{url}"


def load(text: str, files: dict[str, bytes] | None = None) -> issuer.Issuer:
    return issuer.load(text.encode(), named=named, image=(files or {"logo.svg": SVG}).__getitem__)


def refused(text: str, files: dict[str, bytes] | None = None) -> str:
    with pytest.raises(FileInvalid) as caught:
        load(text, files)
    return str(caught.value)


def test_everything_that_is_written_is_heard() -> None:
    assert load(WHOLE) == issuer.Issuer(
        name="Beispiel School",
        url="https://badges.example.org/school",
        did="did:web:https://badges.example.org/school",
        description="Teaches what it says.",
        email="badges@example.org",
        image=SVG,
        trial=False,
    )


def test_its_place_names_the_log() -> None:
    assert load(WHOLE).place == "badges.example.org/school"


@pytest.mark.parametrize(
    ("url", "did", "method", "trial"),
    [
        ("https://a.example", "", Method.WEB, False),
        ("https://a.example:8443/x/y", "", Method.WEB, False),
        ("https://a.example", "did: key", Method.KEY, False),
        ("http://localhost:8000", "", Method.KEY, True),
        ("http://127.0.0.1", "did: key", Method.KEY, True),
        ("http://[::1]:1", "", Method.KEY, True),
        ("https://192.0.2.1", "did: key", Method.KEY, False),
    ],
)
def test_domain_is_named_by_itself_and_a_trial_by_its_key(
    url: str, did: str, method: Method, trial: bool
) -> None:
    found = load(f'name: A\nurl: "{url}"\n{did}\n')
    assert (found.method, found.trial, found.url) == (method, trial, url)


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/",
        "https://a.example/x/",
        "https://A.example",
        "https://a.example?x=1",
        "https://a.example#x",
        "https://me@a.example",
        "https://a_b.example",
        "https://",
        "https://a..example",
        "https://a.example:0",
        "ftp://a.example",
        "a.example",
    ],
)
def test_address_in_another_form_is_refused(url: str) -> None:
    assert refused(f'name: A\nurl: "{url}"\n').startswith(
        "issuer.yaml:2:1: url: expected the address that it publishes under, such as "
        "https://badges.example.org, without a slash at the end, got"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("url: https://a.example\n", 'issuer.yaml:1:1: expected the key "name", it is missing'),
        (
            "name: A\nurl: http://a.example\n",
            "issuer.yaml:2:1: url: expected an address that begins with https",
        ),
        ("name: A\nurl: https://a.example:65536\n", "issuer.yaml:2:1: url: expected a port of at most 65535"),
        ("name: A\nurl: https://a.example\nkey: x\n", 'issuer.yaml:3:1: unknown key "key"'),
        ("name: A\nname: B\nurl: https://a.example\n", "issuer.yaml:2:1: expected each key once"),
        (
            "name: A\nurl: http://localhost\ndid: web\n",
            "issuer.yaml:3:1: did: expected key for an address on this machine (http://localhost), got web",
        ),
        (
            "name: A\nurl: https://192.0.2.1:8\n",
            "issuer.yaml:2:1: url: expected a domain, since did:web names no numbers, got https://192.0.2.1:8",
        ),
        ("name: A\nurl: https://a.example\ndid: ion\n", "issuer.yaml:3:1: did: expected web or key, got"),
        ("name: A\nurl: https://a.example\nemail: a\n", "issuer.yaml:3:1: email: expected an e-mail address"),
        (
            "name: A\nurl: https://a.example\nimage: ../a.svg\n",
            "issuer.yaml:3:1: image: expected a file beside it, .svg or .png",
        ),
    ],
)
def test_wrong_file_is_refused_by_its_place(text: str, said: str) -> None:
    assert refused(text).startswith(said)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.png", b"GIF89a", "a.png: expected a PNG, got another kind of file"),
        (
            "a.png",
            issuer.PNG + bytes(64 * 1024),
            "a.png: expected at most 65536 bytes, since each badge holds",
        ),
        ("a.svg", b"<svg/>", "a.svg:1:1: expected <svg> in the namespace"),
        ("a.svg", SVG.replace(b"<path", b'<path onclick="x()"'), "a.svg:1:"),
    ],
)
def test_picture_that_is_none_or_could_run_is_refused(name: str, data: bytes, said: str) -> None:
    text = f"name: A\nurl: https://a.example\nimage: {name}\n"
    assert refused(text, {name: data}).startswith(said)


def test_png_is_a_picture_too() -> None:
    data = issuer.PNG + b"rest"
    assert load("name: A\nurl: https://a.example\nimage: a.png\n", {"a.png": data}).image == data


# --- where it lies


def test_catalog_without_the_file_has_none(tmp_path: Path) -> None:
    assert issuer.find(tmp_path, named=named) is None


def test_picture_beside_the_file_is_read_and_a_missing_one_told(tmp_path: Path) -> None:
    (tmp_path / "issuer.yaml").write_text(WHOLE)
    with pytest.raises(
        FileInvalid, match=r"^logo\.svg: expected the picture that issuer\.yaml names, got no"
    ):
        issuer.find(tmp_path, named=named)
    (tmp_path / "logo.svg").write_bytes(SVG)
    found = issuer.find(tmp_path, named=named)
    assert found is not None
    assert found.image == SVG


def test_picture_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "issuer.yaml").write_text(WHOLE)
    (tmp_path / "logo.svg").symlink_to("/etc/passwd")
    with pytest.raises(FileInvalid, match=r"^logo\.svg: expected a regular file, got a symbolic link"):
        issuer.find(tmp_path, named=named)


# --- trials


def test_trial_is_named_by_its_key_wherever_it_would_be() -> None:
    found = issuer.trial(None, named=named)
    assert (found.name, found.url, found.method, found.trial) == (
        "Trial issuer",
        "http://localhost:8000",
        Method.KEY,
        True,
    )
    assert issuer.trial("https://a.example", named=named).url == "https://a.example"


def test_trial_at_no_address_is_refused_by_its_setting() -> None:
    with pytest.raises(SettingInvalid, match=r"^ASSESSOR_PUBLIC_URL: expected an address that begins with"):
        issuer.trial("http://a.example", named=named)


@pytest.mark.parametrize(
    ("url", "doubt"),
    [
        ("https://badges.example.org", None),
        ("https://badges", "badges is no domain that others can reach"),
        ("https://school.local/x", "school.local is a name for this network alone"),
        ("http://localhost:1", "a trial: badges name nobody that others can reach"),
    ],
)
def test_address_that_others_cannot_reach_is_doubted(url: str, doubt: str | None) -> None:
    assert issuer.doubt(load(f"name: A\nurl: {url}\n")) == doubt


def test_schema_takes_what_the_parser_takes() -> None:
    schema = catalog.schema("issuer")
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(WHOLE), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"name": "A"}, schema)
