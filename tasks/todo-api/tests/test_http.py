"""Status codes and headers."""

import pytest


def is_json(answer):
    return answer.headers.get("Content-Type", "").split(";")[0].strip() == "application/json"


@pytest.mark.criterion("http", points=2)
def test_a_new_todo_says_where_it_is(service):
    service.post("/todos", json={"title": "Tea"})
    made = service.post("/todos", json={"title": "Milk"})
    assert made.status == 201
    assert made.headers["Location"] == "/todos/2"
    assert service.get(made.headers["Location"]).json() == made.json()


@pytest.mark.criterion("http", points=2)
def test_every_body_is_json_and_says_so(service):
    answers = [
        service.post("/todos", json={"title": "Tea"}),
        service.get("/todos"),
        service.get("/todos/1"),
        service.patch("/todos/1", json={"done": True}),
        service.get("/todos/2"),
        service.get("/"),
        service.post("/todos", body=b"{"),
        service.put("/todos", json={}),
    ]
    assert [answer.status for answer in answers] == [201, 200, 200, 200, 404, 404, 400, 405]
    assert [is_json(answer) for answer in answers] == [True] * len(answers)
    assert [isinstance(answer.json().get("error"), str) for answer in answers[4:]] == [True] * 4


@pytest.mark.criterion("http", points=1)
def test_deleted_has_no_body(service):
    service.post("/todos", json={"title": "Tea"})
    gone = service.delete("/todos/1")
    assert (gone.status, gone.body) == (204, b"")


@pytest.mark.criterion("http", points=2)
def test_paths_that_are_not_in_the_table_are_404(service):
    service.post("/todos", json={"title": "Tea"})
    for path in ("/", "/todo", "/todos/", "/todos/x", "/todos/1/", "/todos/1/title", "/todos/-1", "/todos/1.0", "/x/1"):
        assert (path, service.get(path).status) == (path, 404)


@pytest.mark.criterion("http", points=3)
def test_a_method_that_a_path_does_not_know_is_405(service):
    service.post("/todos", json={"title": "Tea"})
    for method, path, allowed in (
        ("DELETE", "/todos", {"GET", "POST"}),
        ("PATCH", "/todos", {"GET", "POST"}),
        ("POST", "/todos/1", {"GET", "PATCH", "DELETE"}),
        ("PUT", "/todos/1", {"GET", "PATCH", "DELETE"}),
    ):
        answer = service.request(method, path, json={"title": "x"})
        assert answer.status == 405
        assert {name.strip() for name in answer.headers["Allow"].split(",")} == allowed
    assert [todo["title"] for todo in service.get("/todos").json()] == ["Tea"]
