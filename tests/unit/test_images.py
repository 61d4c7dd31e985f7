"""Recipes: what changes an image's name, and what does not."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from assessor.errors import ImageFault
from assessor.sandbox import images, wheels


def folder(path: Path, **files: str) -> Path:
    path.mkdir(exist_ok=True)
    for name, text in ({"Dockerfile": "FROM x\n"} | files).items():
        (path / name).write_text(text)
    return path


def recipe(path: Path) -> str:
    return images.recipe_digest(images._files(path), machine="x86_64")


def test_equal_folders_have_one_recipe(tmp_path: Path) -> None:
    assert recipe(folder(tmp_path / "a")) == recipe(folder(tmp_path / "b"))


@pytest.mark.parametrize("name", ["Dockerfile", "requirements.lock", "tool.sh"])
def test_changed_file_changes_the_recipe(tmp_path: Path, name: str) -> None:
    before = recipe(folder(tmp_path / "a"))
    assert recipe(folder(tmp_path / "b", **{name: "other"})) != before


def test_limits_of_a_sandbox_do_not_change_its_recipe(tmp_path: Path) -> None:
    before = recipe(folder(tmp_path / "a"))
    assert recipe(folder(tmp_path / "b", **{"sandbox.yaml": "name: b"})) == before


def test_harness_is_part_of_the_recipe(tmp_path: Path) -> None:
    files = images._files(folder(tmp_path / "a"))
    assert "harness/frames.py" in files
    changed = files | {"harness/frames.py": b"other"}
    assert images.recipe_digest(files) != images.recipe_digest(changed)


def test_machine_is_part_of_the_recipe() -> None:
    assert images.recipe_digest({}, machine="x86_64") != images.recipe_digest({}, machine="aarch64")


def test_folder_without_a_dockerfile_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageFault, match="expected a folder with a Dockerfile, got none"):
        images._files(tmp_path)


def test_build_context_has_no_times_and_no_owners(tmp_path: Path) -> None:
    sink = io.BytesIO()
    tree = tmp_path / "tree"
    (tree / "deep").mkdir(parents=True)
    (tree / "deep" / "x.py").write_text("x = 1")
    images._pack(sink, {"Dockerfile": b"FROM x", "b": b"2", "a": b"1"}, tree=tree)
    sink.seek(0)
    with tarfile.open(fileobj=sink) as archive:
        entries = archive.getmembers()
    assert [entry.name for entry in entries] == ["Dockerfile", "a", "b", "wheels/deep/x.py"]
    assert {(entry.mtime, entry.uid, entry.gid, entry.uname) for entry in entries} == {(0, 0, 0, "")}


def wheel(path: Path, **files: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def test_wheel_is_unpacked_as_an_installer_would_without_its_scripts(tmp_path: Path) -> None:
    source = wheel(
        tmp_path / "thing-1.0-py3-none-any.whl",
        **{
            "thing/__init__.py": "a = 1",
            "thing-1.0.data/platlib/deep/x.py": "b = 2",
            "thing-1.0.data/scripts/run": "rm -rf /",
        },
    )
    line = wheels._unpack(source, tmp_path / "tree")
    found = sorted(p.relative_to(tmp_path / "tree").as_posix() for p in (tmp_path / "tree").rglob("*.py"))
    assert found == ["deep/x.py", "thing/__init__.py"]
    assert not (tmp_path / "tree" / "run").exists()
    assert line.startswith("thing 1.0 ")


def test_wheel_that_leaves_its_folder_is_refused(tmp_path: Path) -> None:
    source = wheel(tmp_path / "bad-1.0-py3-none-any.whl", **{"../out.py": "x"})
    with pytest.raises(ImageFault, match=r"expected relative paths, got '\.\./out\.py'"):
        wheels._unpack(source, tmp_path / "tree")
    assert not (tmp_path / "out.py").exists()


def test_cache_folder_follows_the_environment() -> None:
    assert images.cache_folder({"ASSESSOR_CACHE": "/x/y"}) == Path("/x/y")
    assert images.cache_folder({"XDG_CACHE_HOME": "/c"}) == Path("/c/assessor")
