"""A REST server on loopback that gives each path a prepared answer, and notes what it was asked."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ScriptedRest:
    """answers: by the end of a path, "METHOD …/path" or "…/path"; what has none is a 404.

    An answer is JSON, or a function of query and body that makes it.
    """

    def __init__(self, answers):
        self.answers, self.asked, self.url = dict(answers), [], ""

    def change(self, answers):
        """Give these from now on."""
        self.answers = answers | {end: self.answers[end] for end in self.answers.keys() - answers}

    def answer(self, method, path, query, body):
        self.asked.append((method, path, query, body))
        for end, answer in self.answers.items():
            wanted, _, rest = end.rpartition(" ")
            if path.endswith(rest) and wanted in ("", method):
                return answer(query, body) if callable(answer) else answer
        return None

    def sent_to(self, end):
        """What was sent to a path: query and body of each request."""
        return [query + body for _, path, query, body in self.asked if path.endswith(end)]


@contextlib.contextmanager
def scripted_rest(answers):
    served = ScriptedRest(answers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self):
            path, _, query = self.path.partition("?")
            body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            found = served.answer(self.command, path, query, body)
            text = json.dumps({"error": f"no answer for {path}"} if found is None else found)
            self.send_response(404 if found is None else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_DELETE = do_PUT = handle_any  # noqa: N815

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
