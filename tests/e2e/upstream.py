"""An OpenAI-style upstream that records what it gets, and streams one word at a time when told to go on."""

import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS = ["one ", "two ", "three"]
DEADLINE = 10


class Upstream(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = []
        # A stream sends its first word at once, and each later one when the client says that it has the one before:
        # whoever buffers never gets a second word.
        self.go_on = queue.Queue()
        self.abandoned = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"

    def take_requests(self):
        taken, self.requests = self.requests, []
        return taken


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        text = self.rfile.read(int(self.headers["content-length"] or 0))
        body = json.loads(text)
        self.server.requests.append({"path": self.path, "headers": dict(self.headers.items()), "body": body})
        if self.path == "/v1/embeddings":
            data = [{"object": "embedding", "index": 0, "embedding": [0.25, 0.5]}]
            self.answer({"object": "list", "model": body["model"], "data": data, "usage": USAGE})
        elif body.get("stream"):
            self.stream(body["model"])
        else:
            message = {"role": "assistant", "content": "".join(WORDS)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self.answer(completion("chat.completion", body["model"], choice) | {"usage": USAGE})

    def answer(self, value):
        text = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def stream(self, model):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        try:
            for n, word in enumerate(WORDS):
                if n > 0:
                    self.wait_for_client()
                choice = {"index": 0, "delta": {"content": word}, "finish_reason": None}
                self.chunk("data: %s\n\n" % json.dumps(completion("chat.completion.chunk", model, choice)))
            self.chunk("data: [DONE]\n\n")
            self.wfile.write(b"0\r\n\r\n")
        except (OSError, queue.Empty):
            self.server.abandoned.set()
            self.close_connection = True

    def wait_for_client(self):
        """Waits for the client's word to go on, sending comments meanwhile so that a closed connection shows."""
        for _ in range(DEADLINE * 10):
            try:
                return self.server.go_on.get(timeout=0.1)
            except queue.Empty:
                self.chunk(": waiting\n\n")
        raise queue.Empty

    def chunk(self, text):
        data = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


def completion(kind, model, choice):
    return {"id": "c-1", "object": kind, "created": 1, "model": model, "choices": [choice]}
