"""An HTTP and WebSocket server on 127.0.0.1 that notes every request and answers each with the least that clients accept."""

import base64
import gzip
import hashlib
import json
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# One answer for everything. Each member is what some client insists on, mostly to stop polling or to follow an upload.
ANSWER = {
    "id": "x-id", "object": "object", "type": "message", "name": "operations/x-name", "done": True,
    "status": "completed", "state": "ACTIVE", "data": [], "has_more": False, "models": [], "content": [],
    "choices": [], "created": 0, "created_at": 0, "bytes": 1, "filename": "f", "purpose": "batch", "role": "assistant",
    "upload_id": "x-upload_id", "expires_at": 0, "processing_status": "ended", "count": 0, "input_tokens": 1,
    "response": {"ok": True}, "is_valid": True,
}
EVENTS = b'data: {"type": "done", "id": "x-id", "object": "chunk", "choices": [], "data": {}}\n\ndata: [DONE]\n\n'
ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Recorder(ThreadingHTTPServer):
    """The server. `requests` is what came since it was last taken."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server_port}"
        self.requests = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def take(self):
        """The requests noted since the last call."""
        taken, self.requests = self.requests, []
        return taken

    def handle_error(self, request, client_address):
        """A client that closes early is no failure: its request is noted."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def note(self, body):
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = {"method": self.command, "target": self.path, "headers": headers, "body": body}
        self.server.requests.append(request)
        return request

    def answer(self):
        if self.headers.get("upgrade", "").lower() == "websocket":
            return self.web_socket()
        body = self.body()
        self.note(body)
        self.send_response(200)
        if "x-goog-upload-command" in self.headers:
            command = self.headers["x-goog-upload-command"]
            self.send_header("x-goog-upload-status", "final" if "finalize" in command else "active")
            self.send_header("x-goog-upload-url", f"{self.server.base}/upload-session")
        is_stream = b'"stream":true' in body.replace(b" ", b"") or "alt=sse" in self.path
        kind, text = ("text/event-stream", EVENTS) if is_stream else ("application/json", self.json())
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def json(self):
        answer = dict(ANSWER)
        if self.path.partition("?")[0].rpartition("/")[0].endswith(("/v1/files", "/openai/files")):
            answer["status"] = "processed"
        if "/files" in self.path:
            answer["file"] = {"name": "files/x-name", "state": "ACTIVE", "uri": self.server.base}
        return json.dumps(answer).encode()

    def body(self):
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            chunks = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            body = b"".join(chunks)
        else:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
        return gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body

    def web_socket(self):
        """Accepts, and notes the first frame as the body."""
        accept = hashlib.sha1(self.headers["sec-websocket-key"].encode() + ACCEPT).digest()
        self.send_response(101)
        self.send_header("upgrade", "websocket")
        self.send_header("connection", "upgrade")
        self.send_header("sec-websocket-accept", base64.b64encode(accept).decode())
        self.end_headers()
        self.wfile.flush()
        self.close_connection = True
        request = self.note(b"")
        self.connection.settimeout(2)
        try:
            request["body"] = self.first_frame()
            request["headers"]["content-type"] = "application/json"
        except (OSError, struct.error):
            pass

    def first_frame(self):
        opcode, length = struct.unpack("!BB", self.rfile.read(2))
        length &= 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self.rfile.read(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self.rfile.read(8))
        mask = self.rfile.read(4)
        payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(self.rfile.read(length)))
        return payload if opcode & 0x0F == 1 else b""

    def log_message(self, *_):
        """Nothing: the recording is the log."""
