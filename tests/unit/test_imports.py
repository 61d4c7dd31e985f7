"""Imports run one way: each file imports only from what stands before it in the order of the rooms."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "assessor"

#: The rooms, top to bottom; a folder counts as one name, inside it anything goes but where `FLOORS` says.
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
    rows store
    blobs backup personal publish tree keyring passwords gradebook
    parts judging versioning lease pipeline ahead statuses deserving granting settling awarding telling
    regraded regrading roster handout
    pack site_pages site_files hosting site queueserver payload signals jobs reconcile supervisor reproduce
    authoring
    probe doctor health healthserver wiring checkup web client testing
    cli __main__ __init__
"""
ORDER = ROOMS.split()
#: Inside these folders, too, each file imports only from what stands before it.
FLOORS = {
    folder: names.split()
    for folder, names in {
        "rows": """
        schema ledger accounts migrations database keyrows learnerrows audit hooks webhooks
        news leaves tiles log passes awards revocations
        sessions tokens naming users cohorts invitations grades belongings learners leases attempts
        admission coursework queued remarks withheld standings regrades
        """,
        "cli": """
        display display_run display_preview
        health operate users cohorts web webhooks remote check importing
        versions tasks author badges keys orders awards handout publish verify root
        """,
    }.items()
}
HERE = {path.name.removesuffix(".py") for path in PACKAGE.iterdir()}


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(source: str, path: Path) -> Iterator[str]:
    """The top-level names inside the package that a file imports, wherever in it, for types alone too."""
    yield from (name for name, *_ in addressed(source, path) if name in HERE)


def addressed(source: str, path: Path) -> Iterator[list[str]]:
    """What a file imports of the package, each by its names from the package down."""
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
            if first == "assessor" and rest:
                yield rest


def upward(source: str, path: Path) -> list[str]:
    own = name_of(path)
    return [name for name in imported(source, path) if name != own and ORDER.index(name) > ORDER.index(own)]


def above(source: str, path: Path, floors: list[str]) -> list[str]:
    """What a file in a folder imports from that folder though it stands above it."""
    folder, own = (name.removesuffix(".py") for name in path.relative_to(PACKAGE).parts[:2])
    found = {rest[1] for rest in addressed(source, path) if rest[0] == folder and len(rest) > 1}
    return sorted(name for name in found & set(floors) if floors.index(name) > floors.index(own))


FILES = sorted(PACKAGE.rglob("*.py"))
FLOORED = [
    path
    for folder in FLOORS
    for path in sorted((PACKAGE / folder).rglob("*.py"))
    if path.name != "__init__.py"
]


def test_every_file_has_a_room() -> None:
    assert {name_of(path) for path in FILES} - set(ORDER) == set()


def test_no_name_has_two_rooms() -> None:
    assert len(ORDER) == len(set(ORDER))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_file_imports_only_downward(path: Path) -> None:
    assert upward(path.read_text(), path) == []


@pytest.mark.parametrize("folder", FLOORS)
def test_every_file_of_a_folder_has_a_floor(folder: str) -> None:
    files = {path.stem for path in (PACKAGE / folder).iterdir()} - {"__init__", "__pycache__"}
    assert sorted(files) == sorted(FLOORS[folder])


@pytest.mark.parametrize("path", FLOORED, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_file_in_a_folder_imports_only_downward(path: Path) -> None:
    assert above(path.read_text(), path, FLOORS[path.relative_to(PACKAGE).parts[0]]) == []


def test_upward_import_inside_a_folder_is_found() -> None:
    floors = FLOORS["rows"]
    assert above("from assessor.rows import leases", PACKAGE / "rows" / "schema.py", floors) == ["leases"]
    assert above("from assessor.rows.audit import Act", PACKAGE / "rows" / "schema.py", floors) == ["audit"]
    assert above("from assessor.rows import schema", PACKAGE / "rows" / "audit.py", floors) == []


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
