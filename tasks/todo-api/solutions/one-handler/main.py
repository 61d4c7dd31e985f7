import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

todos = []
next_id = 1


class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, data=None, **headers):
        body = json.dumps(data).encode() if data is not None else b""
        self.send_response(status)
        if data is not None:
            self.send_header("Content-Type", "application/json; charset=utf-8")
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def handle_any(self):
        length = int(self.headers["Content-Length"] or 0)
        raw = self.rfile.read(length)
        path, _, query = self.path.partition("?")
        parts = path.split("/")
        if path == "/todos":
            self.collection(query, raw)
        elif len(parts) == 3 and parts[1] == "todos" and parts[2].isascii() and parts[2].isdigit():
            self.single(int(parts[2]), raw)
        else:
            self.reply(404, {"error": "no such page"})

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = do_OPTIONS = handle_any

    def collection(self, query, raw):
        global next_id
        if self.command == "GET":
            found = todos
            for pair in filter(None, query.split("&")):
                key, _, value = pair.partition("=")
                if key == "done":
                    if value not in ("true", "false"):
                        return self.reply(400, {"error": "done must be true or false"})
                    found = [t for t in found if t["done"] == (value == "true")]
            return self.reply(200, found)
        if self.command == "POST":
            problem, data = parse(raw)
            if problem is None and "title" not in data:
                problem = "a title is needed"
            if problem:
                return self.reply(400, {"error": problem})
            todo = {"id": next_id, "title": data["title"], "done": data.get("done", False)}
            next_id += 1
            todos.append(todo)
            return self.reply(201, todo, Location="/todos/%d" % todo["id"])
        return self.reply(405, {"error": "method not allowed"}, Allow="POST, GET")

    def single(self, number, raw):
        if self.command not in ("GET", "PATCH", "DELETE"):
            return self.reply(405, {"error": "method not allowed"}, Allow="DELETE, GET, PATCH")
        matches = [t for t in todos if t["id"] == number]
        if not matches:
            return self.reply(404, {"error": "no such to-do"})
        if self.command == "PATCH":
            problem, data = parse(raw)
            if problem:
                return self.reply(400, {"error": problem})
            matches[0].update(data)
        if self.command == "DELETE":
            todos.remove(matches[0])
            return self.reply(204)
        return self.reply(200, matches[0])


def parse(raw):
    try:
        data = json.loads(str(raw, "utf-8"))
    except ValueError:
        return "that is not JSON", None
    if type(data) is not dict:
        return "an object is needed", None
    if set(data) - {"title", "done"}:
        return "unknown fields: " + ", ".join(set(data) - {"title", "done"}), None
    if "title" in data:
        if type(data["title"]) is not str or data["title"].strip() == "":
            return "title must be a text", None
        data["title"] = data["title"].strip()
    if type(data.get("done", False)) is not bool:
        return "done must be true or false", None
    return None, data


HTTPServer(("127.0.0.1", int(os.environ["PORT"])), App).serve_forever()
