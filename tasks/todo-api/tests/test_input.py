"""What is refused, and that a refused request changes nothing."""

import pytest

TEA = {"id": 1, "title": "Tea", "done": False}


def assert_refused(answer):
    assert answer.status == 400
    assert isinstance(answer.json()["error"], str)
    assert answer.json()["error"].strip()


@pytest.mark.criterion("input", points=4)
def test_bodies_that_are_no_json_object_are_refused(service):
    for body in (b"", b"title=Tea", b"{", b'{"title": "Te\xff"}', b'["Tea"]', b'"Tea"', b"null", b"7"):
        assert_refused(service.post("/todos", body=body, headers={"Content-Type": "application/json"}))
    assert service.get("/todos").json() == []


@pytest.mark.criterion("input", points=3)
def test_titles_of_nonsense_are_refused(service):
    for data in ({}, {"title": ""}, {"title": "\t\n"}, {"title": 7}, {"title": None}, {"title": ["Tea"]}, {"done": True}):
        assert_refused(service.post("/todos", json=data))
    assert service.get("/todos").json() == []


@pytest.mark.criterion("input", points=3)
def test_done_is_true_or_false_and_nothing_else(service):
    for done in ("yes", "true", 1, 0, None, []):
        assert_refused(service.post("/todos", json={"title": "Tea", "done": done}))
    assert service.get("/todos").json() == []
    service.post("/todos", json={"title": "Tea"})
    for done in ("no", 1, None):
        assert_refused(service.patch("/todos/1", json={"done": done}))
    assert service.get("/todos/1").json() == TEA


@pytest.mark.criterion("input", points=2)
def test_unknown_fields_are_refused(service):
    assert_refused(service.post("/todos", json={"title": "Tea", "id": 9}))
    service.post("/todos", json={"title": "Tea"})
    assert_refused(service.patch("/todos/1", json={"id": 2}))
    assert_refused(service.patch("/todos/1", json={"owner": "me"}))
    assert service.get("/todos").json() == [TEA]


@pytest.mark.criterion("input", points=3)
def test_a_refused_change_changes_nothing(service):
    service.post("/todos", json={"title": "Tea"})
    assert_refused(service.patch("/todos/1", json={"title": "Milk", "done": "yes"}))
    assert_refused(service.patch("/todos/1", json={"done": True, "title": " "}))
    assert_refused(service.patch("/todos/1", json={"done": True, "title": "Milk", "more": 1}))
    assert service.get("/todos/1").json() == TEA


@pytest.mark.criterion("input", points=1)
def test_filters_of_nonsense_are_refused(service):
    for value in ("yes", "", "1", "True"):
        assert_refused(service.get(f"/todos?done={value}"))


@pytest.mark.criterion("input", points=1)
def test_blanks_around_a_title_go(service):
    assert service.post("/todos", json={"title": "  Tea \n"}).json() == TEA
    assert service.patch("/todos/1", json={"title": "\tMilk "}).json()["title"] == "Milk"


@pytest.mark.criterion("input", points=2)
def test_the_server_outlives_what_it_is_sent(service):
    service.post("/todos", body=b"\x00\xff" * 50)
    service.get("/todos/" + "9" * 400)
    service.get("/todos/1;drop")
    service.patch("/todos/1", body=b"[" * 5000)
    assert service.post("/todos", json={"title": "Tea"}).json() == TEA
