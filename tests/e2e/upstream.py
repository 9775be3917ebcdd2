"""An upstream in the style of OpenAI, Azure and Anthropic that records what it gets, and streams one word at a time when
told to go on."""

import email
import email.policy
import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS = ["one ", "two ", "three"]
DEADLINE = 10


class Upstream(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, handler=None):
        super().__init__(("127.0.0.1", 0), handler or Handler)
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
        kind = self.headers["content-type"] or ""
        request = {"path": self.path, "headers": {n.lower(): v for n, v in self.headers.items()}, "length": len(text)}
        body = {}
        if kind.startswith("multipart/form-data"):
            request["form"] = read_form(kind, text)
        else:
            body = request["body"] = json.loads(text)
        self.server.requests.append(request)
        self.respond(self.path.split("?")[0], body)

    def respond(self, operation, body):
        if operation in ANSWERS:
            self.answer(ANSWERS[operation])
        elif operation == "/v1/messages":
            self.message(body)
        elif operation == "/v1/embeddings":
            data = [{"object": "embedding", "index": 0, "embedding": [0.25, 0.5]}]
            self.answer({"object": "list", "model": body["model"], "data": data, "usage": USAGE})
        elif body.get("stream"):
            self.stream(chat_events(body["model"]))
        else:
            message = {"role": "assistant", "content": "".join(WORDS)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self.answer(completion("chat.completion", body["model"], choice) | {"usage": USAGE})

    def message(self, body):
        message = {"id": "m-1", "type": "message", "role": "assistant", "model": body["model"], "stop_sequence": None}
        usage = {"input_tokens": 1, "output_tokens": 1}
        if body.get("stream"):
            begun = message | {"content": [], "stop_reason": None, "usage": usage}
            return self.stream(message_events(begun))
        content = [{"type": "text", "text": "".join(WORDS)}]
        self.answer(message | {"content": content, "stop_reason": "end_turn", "usage": usage})

    def answer(self, value):
        text = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def stream(self, events):
        """Sends lists of events; before each but the first it waits for the client's word to go on."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        try:
            for n, together in enumerate(events):
                if 0 < n < len(WORDS):
                    self.wait_for_client()
                for event in together:
                    self.chunk(event)
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

ANSWERS = {
    "/v1/audio/transcriptions": {"text": "hello"},
    "/v1/images/generations": {"created": 1, "data": [{"b64_json": "aGVsbG8="}]},
    "/v1/images/edits": {"created": 1, "data": [{"b64_json": "aGVsbG8="}]},
    "/v1/files": {
        "id": "file-1",
        "object": "file",
        "bytes": 1,
        "created_at": 1,
        "filename": "b.jsonl",
        "purpose": "batch",
        "status": "processed",
    },
    "/v1/batches": {
        "id": "batch-1",
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "input_file_id": "file-1",
        "completion_window": "24h",
        "status": "validating",
        "created_at": 1,
    },
}


def completion(kind, model, choice):
    return {"id": "c-1", "object": kind, "created": 1, "model": model, "choices": [choice]}


def chat_events(model):
    for word in WORDS:
        choice = {"index": 0, "delta": {"content": word}, "finish_reason": None}
        yield ["data: %s\n\n" % json.dumps(completion("chat.completion.chunk", model, choice))]
    yield ["data: [DONE]\n\n"]


def message_events(message):
    def event(kind, **fields):
        return "event: %s\ndata: %s\n\n" % (kind, json.dumps({"type": kind} | fields))

    def delta(word):
        return event("content_block_delta", index=0, delta={"type": "text_delta", "text": word})

    first, *others = WORDS
    start = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    yield [event("message_start", message=message), start, delta(first)]
    yield from ([delta(word)] for word in others)
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    yield [
        event("content_block_stop", index=0),
        event("message_delta", delta=end, usage={"output_tokens": 1}),
        event("message_stop"),
    ]


def read_form(kind, body):
    """The fields of a form, in order, each as its name and bytes."""
    message = email.message_from_bytes(b"Content-Type: %s\r\n\r\n" % kind.encode() + body, policy=email.policy.HTTP)
    parts = message.iter_parts()
    return [(part.get_param("name", header="content-disposition"), part.get_payload(decode=True)) for part in parts]
