"""A to-do from beginning to end."""

import pytest

pytestmark = pytest.mark.visible


@pytest.mark.criterion("resource", points=2)
def test_a_list_begins_empty_and_grows(service):
    assert service.get("/todos").json() == []
    made = service.post("/todos", json={"title": "Water the plants"})
    assert made.status == 201
    assert made.json() == {"id": 1, "title": "Water the plants", "done": False}
    assert service.get("/todos").json() == [made.json()]


@pytest.mark.criterion("input", points=1)
def test_a_blank_title_is_refused(service):
    refused = service.post("/todos", json={"title": "  "})
    assert refused.status == 400
    assert isinstance(refused.json()["error"], str)


@pytest.mark.criterion("http", points=1)
def test_what_is_not_there_is_404(service):
    assert service.get("/todos/1").status == 404
    assert service.get("/nothing").status == 404
