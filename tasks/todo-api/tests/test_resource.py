"""What the service remembers."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st


def make(service, *titles):
    for title in titles:
        assert service.post("/todos", json={"title": title}).status == 201


@pytest.mark.criterion("resource", points=2)
def test_ids_count_up_and_the_list_is_oldest_first(service):
    make(service, "c", "a", "b")
    assert [(todo["id"], todo["title"]) for todo in service.get("/todos").json()] == [(1, "c"), (2, "a"), (3, "b")]
    assert service.get("/todos/2").json() == {"id": 2, "title": "a", "done": False}


@pytest.mark.criterion("resource", points=1)
def test_a_todo_can_be_made_done(service):
    made = service.post("/todos", json={"title": "Sleep", "done": True})
    assert made.json() == {"id": 1, "title": "Sleep", "done": True}


@pytest.mark.criterion("resource", points=3)
def test_a_change_keeps_what_it_does_not_name(service):
    make(service, "Tea", "Milk")
    assert service.patch("/todos/2", json={"done": True}).json() == {"id": 2, "title": "Milk", "done": True}
    assert service.patch("/todos/2", json={"title": "Oat milk"}).json() == {
        "id": 2,
        "title": "Oat milk",
        "done": True,
    }
    assert service.patch("/todos/2", json={}).json() == {"id": 2, "title": "Oat milk", "done": True}
    assert service.get("/todos").json() == [
        {"id": 1, "title": "Tea", "done": False},
        {"id": 2, "title": "Oat milk", "done": True},
    ]


@pytest.mark.criterion("resource", points=2)
def test_deleting_removes_one_for_good(service):
    make(service, "Tea", "Milk", "Bread")
    assert service.delete("/todos/2").status == 204
    assert [todo["id"] for todo in service.get("/todos").json()] == [1, 3]
    assert service.get("/todos/2").status == 404
    assert service.delete("/todos/2").status == 404
    assert service.patch("/todos/2", json={"done": True}).status == 404


@pytest.mark.criterion("resource", points=2)
def test_ids_are_never_given_twice(service):
    make(service, "Tea", "Milk")
    service.delete("/todos/2")
    assert service.post("/todos", json={"title": "Bread"}).json()["id"] == 3
    for number in (1, 3):
        service.delete(f"/todos/{number}")
    assert service.post("/todos", json={"title": "Salt"}).json()["id"] == 4


@pytest.mark.criterion("resource", points=2)
def test_the_list_can_be_filtered(service):
    make(service, "Tea", "Milk", "Bread")
    service.patch("/todos/2", json={"done": True})
    assert [todo["id"] for todo in service.get("/todos?done=true").json()] == [2]
    assert [todo["id"] for todo in service.get("/todos?done=false").json()] == [1, 3]
    assert [todo["id"] for todo in service.get("/todos").json()] == [1, 2, 3]


titles = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(str.strip)


@pytest.mark.criterion("resource", points=2)
@settings(
    max_examples=15,
    phases=[Phase.generate],  # an example takes two requests: shrinking would take long
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(titles)
def test_any_title_comes_back_as_it_was(service, title):
    made = service.post("/todos", json={"title": title}).json()
    assert made["title"] == title.strip()
    assert service.get(f"/todos/{made['id']}").json() == made
