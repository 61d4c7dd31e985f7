"""What lies in the images: nothing that gains privilege, nothing that anyone but root may change."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from assessor.errors import ImageFault
from assessor.sandbox import base, engine, images
from assessor.sandbox.containers import GRADER_UID, LEARNER_UID

pytestmark = pytest.mark.docker

ROOT = Path(__file__).parents[2]
NAMES = ("grader", "python", "node")

#: Prints, as JSON, the paths that the user who runs it may write to, and those that gain privilege.
WALK = """
import json, os, stat
told = []
for top, folders, files in os.walk("/"):
    folders[:] = [f for f in folders if os.path.join(top, f) not in ("/proc", "/sys", "/dev")]
    for name in [*files, *folders]:
        path = os.path.join(top, name)
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            continue
        if os.getuid() != 0 and os.access(path, os.W_OK):
            told.append("writable " + path)
        if mode & (stat.S_ISUID | stat.S_ISGID) or "security.capability" in os.listxattr(path):
            told.append("gains " + path)
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def api() -> Iterator[docker.APIClient]:
    client = engine.connect()
    yield client
    client.close()


@pytest.fixture(scope="module")
def known(api: docker.APIClient) -> images.Images:
    return images.Images(api, sandboxes=ROOT / "sandboxes", cache=images.cache_folder())


def inside(api: docker.APIClient, image: str, command: list[str], user: int) -> str:
    made = api.create_container_from_config(
        {"Image": image, "Cmd": command, "User": f"{user}:{user}", "HostConfig": {"NetworkMode": "none"}}
    )["Id"]
    try:
        api.start(made)
        status = api.wait(made)["StatusCode"]
        text = str(api.logs(made).decode())
        assert status == 0, text
        return text
    finally:
        api.remove_container(made, force=True, v=True)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("user", [0, LEARNER_UID, GRADER_UID])
def test_image_holds_nothing_that_gains_privilege_or_that_a_user_may_change(
    api: docker.APIClient, known: images.Images, name: str, user: int
) -> None:
    # Without `ReadonlyRootfs`: the image by itself, whatever a container adds.
    assert json.loads(inside(api, known.get(name).id, ["python3", "-c", WALK], user)) == []


@pytest.mark.parametrize("name", NAMES)
def test_image_can_still_list_its_packages_and_compile_a_filter(
    api: docker.APIClient, known: images.Images, name: str
) -> None:
    assert re.search(r"^libseccomp2 ", known.get(name).packages, re.MULTILINE)
    load = "import ctypes; print(ctypes.CDLL('libseccomp.so.2').seccomp_api_get() > 0)"
    assert inside(api, known.get(name).id, ["python3", "-c", load], LEARNER_UID) == "True\n"


@pytest.mark.parametrize(
    ("step", "found"),
    [
        ("cp /bin/true /usr/local/bin/t && chmod u+s /usr/local/bin/t", "/usr/local/bin/t (set-user-id)"),
        ("cp /bin/true /usr/local/bin/t && chmod g+s /usr/local/bin/t", "/usr/local/bin/t (set-group-id)"),
        ("mkdir -m 1777 /var/drop", "/var/drop (open to writing)"),
        ("touch /etc/shared && chmod 664 /etc/shared", "/etc/shared (open to writing)"),
        (f"touch /etc/own && chown {LEARNER_UID} /etc/own", f"/etc/own (owner {LEARNER_UID})"),
        (
            "cp /bin/true /usr/local/bin/t && python3 -c \"import os; os.setxattr('/usr/local/bin/t', "
            "'security.capability', bytes.fromhex('0100000200200000000000000000000000000000'))\"",
            "/usr/local/bin/t (a capability)",
        ),
    ],
)
def test_image_whose_recipe_opens_a_hole_is_refused_and_the_file_is_named(
    api: docker.APIClient, tmp_path: Path, step: str, found: str
) -> None:
    folder = tmp_path / "holed"
    folder.mkdir()
    (folder / "Dockerfile").write_text(
        f"ARG BASE\nFROM ${{BASE}}\nRUN {step}\nCOPY wheels.txt /opt/assessor/wheels.txt\n"
    )
    known = images.Images(api, sandboxes=tmp_path, cache=tmp_path / "cache")
    try:
        with pytest.raises(ImageFault, match="expected no file in it that gains privilege") as caught:
            known.get("holed")
        assert str(caught.value).endswith(f"got: {found}")
    finally:
        recipe = images.recipe_digest(images._files(folder)).removeprefix("sha256:")[:16]
        api.remove_image(f"assessor/holed:{recipe}", force=True)


def test_base_is_named_by_its_recipe_so_that_two_versions_can_share_an_engine(api: docker.APIClient) -> None:
    base.ensure(api)
    labels = api.inspect_image(base.TAG)["Config"]["Labels"]
    assert labels[base.LABEL_RECIPE] == base.RECIPE
    assert base.TAG.endswith(base.RECIPE.removeprefix("sha256:")[:16])
