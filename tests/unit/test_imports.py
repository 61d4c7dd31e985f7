"""Imports run one way: each file imports only from what stands before it in the order of the rooms."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "assessor"

#: The rooms, top to bottom; a folder counts as one name, inside it anything goes.
ROOMS = """
    errors waiting settings digest bundle limits logs
    analysis authored profile staticfile rubric manifest rules taskfile task
    svg requirement badgefile achievement issuer freezing catalog versions
    entry zips tars archive intake
    harness
    sandbox
    pressure memory gauge
    results inspection scoring record evidence merit inspector
    signer keyfile proof verify report page
    merkle note openbadges
    schema ledger accounts migrations database keyrows learnerrows audit hooks webhooks
    news leaves tiles log passes awards revocations
    sessions tokens naming users cohorts invitations grades belongings learners leases attempts
    admission coursework queued remarks withheld standings regrades store
    blobs backup personal publish tree keyring passwords gradebook
    parts judging versioning lease pipeline ahead statuses deserving granting settling awarding telling
    regraded regrading roster handout
    pack site_pages site_files hosting site queueserver payload signals jobs reconcile supervisor reproduce
    authoring
    probe doctor health healthserver wiring checkup web client testing display display_run display_preview
    cli_health cli_operate cli_users cli_cohorts cli_web cli_webhooks cli_remote cli_check cli_import
    cli_versions cli_tasks cli_author cli_badges cli_keys cli_orders cli_awards cli_handout cli_publish
    cli_verify cli __main__ __init__
"""
ORDER = ROOMS.split()
HERE = {path.name.removesuffix(".py") for path in PACKAGE.iterdir()}


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(source: str, path: Path) -> Iterator[str]:
    """The top-level names inside the package that a file imports, wherever in it, for types alone too."""
    inside = ["assessor", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = inside[: len(inside) - node.level + 1] if node.level else []
            module = [*base, *(node.module.split(".") if node.module else [])]
            found = [[*module, alias.name] for alias in node.names]
        else:
            continue
        for first, *rest in found:
            if first == "assessor" and rest and rest[0] in HERE:
                yield rest[0]


def upward(source: str, path: Path) -> list[str]:
    own = name_of(path)
    return [name for name in imported(source, path) if name != own and ORDER.index(name) > ORDER.index(own)]


FILES = sorted(PACKAGE.rglob("*.py"))


def test_every_file_has_a_room() -> None:
    assert {name_of(path) for path in FILES} - set(ORDER) == set()


def test_no_name_has_two_rooms() -> None:
    assert len(ORDER) == len(set(ORDER))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_file_imports_only_downward(path: Path) -> None:
    assert upward(path.read_text(), path) == []


@pytest.mark.parametrize("path", sorted((PACKAGE / "harness").glob("*.py")), ids=lambda path: path.name)
def test_harness_imports_nothing_of_the_rest(path: Path) -> None:
    assert set(imported(path.read_text(), path)) - {"harness"} == set()


@pytest.mark.parametrize(
    "source",
    [
        "from assessor import catalog",
        "import assessor.catalog",
        "def f():\n    from assessor.catalog import Catalog",
        "if TYPE_CHECKING:\n    from assessor.catalog import Catalog",
        "from .catalog import Catalog",
        "from . import catalog",
    ],
)
def test_upward_import_is_found(source: str) -> None:
    assert upward(source, PACKAGE / "digest.py") == ["catalog"]


def test_upward_import_from_a_folder_is_found() -> None:
    assert upward("from ..pipeline import run", PACKAGE / "sandbox" / "docker.py") == ["pipeline"]
