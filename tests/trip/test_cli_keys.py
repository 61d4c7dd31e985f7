"""Keys through the command line, and the package that docs/operating.md shows for a key in a vault."""

from __future__ import annotations

import base64
import http.server
import json
import os
import re
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assessor import signer, testing
from tests.trip.shop import ROOT, Forker, Said

ISSUER = "name: Beispiel School\nurl: https://badges.example.org/school\n"


@pytest.fixture(scope="module")
def forker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forker]:
    made = Forker(tmp_path_factory.mktemp("said"))
    yield made
    made.close()


class Home:
    """An installation without tasks."""

    def __init__(self, folder: Path, forker: Forker) -> None:
        self.home, self.catalog = folder / "home", folder / "catalog"
        for name in ("tasks", "rubrics", "sandboxes"):
            (self.catalog / name).mkdir(parents=True)
        self.keys = self.home / "keys"
        self._forker = forker

    def run(self, *arguments: object, **environ: str) -> Said:
        told = ("--home", self.home, "--catalog", self.catalog)
        return self._forker.start(*told, *arguments, **{"ASSESSOR_SANDBOX": "unsafe_local"} | environ)()

    def done(self, *arguments: object, **environ: str) -> Said:
        said = self.run(*arguments, **environ)
        assert said.status == 0, said
        return said

    def listed(self, **environ: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.done("keys", "list", "--json", **environ).json
        return found


@pytest.fixture
def home(tmp_path: Path, forker: Forker) -> Home:
    return Home(tmp_path, forker)


def test_keys_are_listed_exported_and_rotated(home: Home) -> None:
    assert home.listed() == []
    assert home.run("keys", "export").status == 2
    home.done("status")
    first = {row["purpose"]: row for row in home.listed()}
    assert list(first) == ["engine", "issuer", "log"]
    assert all(row["until"] is None for row in first.values())
    told = home.done("keys", "rotate", "engine", "--yes", "--json").json
    assert told["retired"] == [first["engine"]["key"]]
    rows = [row for row in home.listed() if row["purpose"] == "engine"]
    assert [row["key"] for row in rows] == [first["engine"]["key"], told["key"]]
    assert rows[0]["until"] == rows[1]["since"] == told["since"]
    assert (rows[0]["private_half"], rows[1]["until"]) == (None, None)

    now = home.done("keys", "export", "engine").out
    assert signer.load_public(now.encode(), name="engine").key_id == told["key"]
    every = home.done("keys", "export", "engine", "--retired").out
    assert re.findall(r"^# engine (\S+?)(?:, retired .*)?$", every, re.M) == [row["key"] for row in rows]
    assert home.done("keys", "export", "--form", "multikey").out.split() == [
        rows[1]["multikey"],
        first["issuer"]["multikey"],
        first["log"]["multikey"],
    ]
    words = home.done("keys", "list").out
    assert "in use" in words
    assert "not encrypted" in words


def test_issuer_with_a_domain_exports_its_document_and_log(home: Home) -> None:
    (home.catalog / "issuer.yaml").write_text(ISSUER)
    home.done("status")
    home.done("keys", "rotate", "issuer", "--yes")
    document = home.done("keys", "export", "--form", "did").json
    assert document["id"] == "did:web:badges.example.org:school"
    assert len(document["verificationMethod"]) == 2
    vkey = home.done("keys", "export", "log", "--form", "vkey").out.strip()
    assert re.fullmatch(r"badges\.example\.org/school\+[0-9a-f]{8}\+\S+", vkey)
    assert home.run("keys", "export", "engine", "--form", "vkey").status == 2


def test_issuer_that_is_its_key_is_not_replaced_unasked(home: Home) -> None:
    home.done("status")
    said = home.run("keys", "rotate", "issuer", "--yes")
    assert said.status == 2
    assert "a new key is another issuer" in said.err
    home.done("keys", "rotate", "issuer", "--yes", "--new-issuer")


def test_rotation_is_asked_about(home: Home) -> None:
    home.done("status")
    before = home.listed()
    assert home.run("keys", "rotate", "log").status != 0
    assert home.listed() == before


def test_key_that_is_open_or_gone_is_refused_at_start_and_mended_as_told(home: Home) -> None:
    home.done("status")
    (home.keys / "issuer.pem").chmod(0o644)
    said = home.run("status")
    assert said.status == 3
    assert said.err.strip().endswith(f"mend it with: chmod 600 {home.keys}/issuer.pem")
    bad = {check["name"]: check for check in home.run("doctor", "--json").json if not check["ok"]}
    assert bad["issuer key"]["mend"] == f"chmod 600 {home.keys}/issuer.pem"
    (home.keys / "issuer.pem").chmod(0o600)
    (home.keys / "log.pem").unlink()
    said = home.run("status")
    assert said.status == 3
    assert "expected the key that has signed before" in said.err
    home.done("keys", "rotate", "log", "--yes", "--lost")
    home.done("status")


def test_doctor_makes_no_key_and_looks_at_each(home: Home) -> None:
    home.run("doctor")
    assert not home.keys.exists()
    home.done("status")
    checks = {check["name"]: check for check in home.run("doctor", "--json").json}
    for row in home.listed():
        check = checks[f"{row['purpose']} key"]
        assert check["ok"]
        assert check["found"] == f"{row['key']}, {home.keys}/{row['purpose']}.pem, not encrypted"
    assert checks["issuer"]["ok"]
    (home.catalog / "issuer.yaml").write_text("name: A\nurl: https://school.local\n")
    checks = {check["name"]: check for check in home.run("doctor", "--json").json}
    assert not checks["issuer"]["ok"]
    assert "school.local is a name for this network alone" in checks["issuer"]["found"]


def test_files_are_encrypted_and_open_with_the_passphrase_alone(home: Home, tmp_path: Path) -> None:
    home.done("status")
    file = tmp_path / "passphrase"
    file.write_text("correct horse battery\n")
    assert "3 key files" in home.done("keys", "encrypt", "--passphrase-file", file).out
    assert all(b"ENCRYPTED" in path.read_bytes() for path in home.keys.iterdir())
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in home.keys.iterdir())
    said = home.run("status")
    assert said.status == 3
    assert "expected the passphrase of the key, which is encrypted, got none" in said.err
    home.done("status", ASSESSOR_KEY_PASSPHRASE_FILE=str(file))
    said = home.run("status", ASSESSOR_KEY_PASSPHRASE="another one, as long")
    assert "got another one" in said.err
    assert "another one, as long" not in said.err
    home.done("keys", "encrypt", "--remove", ASSESSOR_KEY_PASSPHRASE="correct horse battery")
    # A passphrase that protects nothing is told of.
    bad = home.run("doctor", "--json", ASSESSOR_KEY_PASSPHRASE="correct horse battery").json
    assert [check["mend"] for check in bad if check["name"] == "log key"] == ["assessor keys encrypt"]


def test_keys_of_the_environment_leave_no_file(home: Home) -> None:
    environ = {
        f"ASSESSOR_{name}_KEY": testing.signer(number).dump(None).decode()
        for number, name in enumerate(("ENGINE", "ISSUER", "LOG"), start=1)
    }
    home.done("status", **environ)
    assert not home.keys.exists()
    assert [row["key"] for row in home.listed(**environ)] == [testing.signer(one).key_id for one in (1, 2, 3)]
    other = {"ASSESSOR_LOG_KEY": testing.signer(4).dump(None).decode()}
    said = home.run("status", **environ | other)
    assert said.status == 3
    assert said.err.strip().endswith("mend it with: assessor keys rotate log")
    home.done("keys", "rotate", "log", "--yes", **environ | other)
    home.done("status", **environ | other)


# --- the example of the documentation


class Vault(http.server.BaseHTTPRequestHandler):
    """As much of a vault as signs with one key."""

    key = testing.signer(8)

    def do_GET(self) -> None:
        assert self.path == "/v1/transit/keys/badges"
        public = base64.b64encode(self.key.public_raw).decode()
        self._answer(
            {"keys": {"1": {"public_key": base64.b64encode(bytes(32)).decode()}, "2": {"public_key": public}}}
        )

    def do_POST(self) -> None:
        assert self.path == "/v1/transit/sign/badges"
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert body["key_version"] == 2
        signature = self.key.sign(base64.b64decode(body["input"]))
        self._answer({"signature": f"vault:v2:{base64.b64encode(signature).decode()}"})

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""

    def _answer(self, data: dict[str, Any]) -> None:
        allowed = self.headers["X-Vault-Token"] == "token"
        self.send_response(200 if allowed else 403)
        self.end_headers()
        if allowed:
            self.wfile.write(json.dumps({"data": data}).encode())


@pytest.fixture
def vault() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vault)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_documented_package_signs_with_a_key_in_a_vault(home: Home, vault: str, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "operating.md").read_text()
    (source,) = re.findall(r"```python\n(.*?)```", text, re.S)
    (entry,) = re.findall(r'```toml\n\[project\.entry-points\."(.*?)"\]\n(.*?)```', text, re.S)
    packages = tmp_path / "packages"
    info = packages / "assessor_vault-1.0.dist-info"
    info.mkdir(parents=True)
    (packages / "assessor_vault.py").write_text(source)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: assessor-vault\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{entry[0]}]\n{entry[1].replace(chr(34), '')}")
    environ = {
        "ASSESSOR_ISSUER_KEY": "vault:transit/badges",
        "VAULT_ADDR": vault,
        "VAULT_TOKEN": "token",
        "PYTHONPATH": os.pathsep.join([str(packages), os.environ.get("PYTHONPATH", "")]),
    }

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        # A process of its own: what is forked has found its packages already.
        told = ["--home", str(home.home), "--catalog", str(home.catalog), *arguments]
        command = [sys.executable, "-m", "assessor", *told]
        return subprocess.run(command, env=os.environ | environ | more, capture_output=True, text=True)

    assert run("status").returncode == 0
    rows = json.loads(run("keys", "list", "--json").stdout)
    assert [row["key"] for row in rows if row["purpose"] == "issuer"] == [Vault.key.key_id]
    said = run("status", VAULT_TOKEN="expired")
    assert said.returncode == 3
    assert "ASSESSOR_ISSUER_KEY: expected a key from assessor_vault:open_key, got HTTPError" in said.stderr
