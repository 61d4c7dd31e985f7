"""A to-do list as a web service: PORT=8000 python3 main.py"""

import json
import os
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from urllib.parse import parse_qs, urlsplit


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status, text, **headers):
        super().__init__(text)
        self.status = status
        self.headers = headers


class Todos:
    """The list, oldest first."""

    def __init__(self):
        self._by_id = {}
        self._last_id = 0

    def create(self, title, done=False):
        self._last_id += 1
        todo = {"id": self._last_id, "title": title, "done": done}
        self._by_id[todo["id"]] = todo
        return todo

    def all(self):
        return list(self._by_id.values())

    def get(self, number):
        try:
            return self._by_id[number]
        except KeyError:
            raise Refused(404, f"there is no to-do {number}") from None

    def change(self, number, fields):
        todo = self.get(number)
        todo.update(fields)
        return todo

    def delete(self, number):
        self.get(number)
        del self._by_id[number]


def check(data):
    """The fields of a request's body, checked."""
    if not isinstance(data, dict):
        raise Refused(400, "expected a JSON object")
    fields = {}
    for name, value in data.items():
        if name == "title":
            if not isinstance(value, str) or not value.strip():
                raise Refused(400, "title: expected a text that is not blank")
            fields[name] = value.strip()
        elif name == "done":
            if not isinstance(value, bool):
                raise Refused(400, "done: expected true or false")
            fields[name] = value
        else:
            raise Refused(400, f"unknown field {name}")
    return fields


TODOS = Todos()
LOCK = Lock()


class Handler(BaseHTTPRequestHandler):
    """Finds the route for a request and sends what it gives."""

    def _answer(self):
        # The body is read in any case: what is left unread would be taken for the next request.
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        try:
            with LOCK:
                status, result, headers = self._route(url, body)
        except Refused as refused:
            self.send_error(refused.status, str(refused))
            return
        payload = b"" if result is None else json.dumps(result).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if result is not None:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

    def _route(self, url, body):
        if url.path == "/todos":
            routes = {"GET": self._list, "POST": self._create}
            arguments = {"GET": (url.query,), "POST": (body,)}
        elif match := re.fullmatch(r"/todos/([0-9]{1,18})", url.path):
            number = int(match[1])
            routes = {"GET": self._show, "PATCH": self._change, "DELETE": self._delete}
            arguments = {"GET": (number,), "PATCH": (number, body), "DELETE": (number,)}
        else:
            raise Refused(404, f"there is nothing at {url.path}")
        if self.command not in routes:
            raise Refused(405, f"{url.path} does not know {self.command}", Allow=", ".join(routes))
        return routes[self.command](*arguments[self.command])

    def _fields(self, body):
        try:
            return check(json.loads(body.decode("utf-8")))
        except ValueError:
            raise Refused(400, "the body is not JSON") from None

    def _list(self, query):
        wanted = parse_qs(query, keep_blank_values=True).get("done")
        if wanted is None:
            return 200, TODOS.all(), {}
        if wanted not in (["true"], ["false"]):
            raise Refused(400, "done: expected true or false")
        done = wanted == ["true"]
        return 200, [todo for todo in TODOS.all() if todo["done"] is done], {}

    def _create(self, body):
        fields = self._fields(body)
        if "title" not in fields:
            raise Refused(400, "title is missing")
        todo = TODOS.create(**fields)
        return 201, todo, {"Location": f"/todos/{todo['id']}"}

    def _show(self, number):
        return 200, TODOS.get(number), {}

    def _change(self, number, body):
        TODOS.get(number)
        return 200, TODOS.change(number, self._fields(body)), {}

    def _delete(self, number):
        TODOS.delete(number)
        return 204, None, {}


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
