"""Both ends of one request: a caller that sends it, and an upstream that reads it."""

import socket
import time

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
PIECE, PATIENCE = 1 << 16, 60


class Passage:
    """In one thread with one clock, so that no end waits for the other's turn."""

    def __init__(self, listener: socket.socket, port: int, request: bytes, per_second: float | None) -> None:
        self.listener, self.request, self.per_second = listener, memoryview(request), per_second
        self.listener.setblocking(False)
        self.caller = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.caller.setblocking(False)
        self.upstream: socket.socket | None = None
        self.sent, self.arrived, self.answer = 0, bytearray(), bytearray()
        # In seconds from the first byte that was sent.
        self.first_byte: float | None = None

    def run(self) -> "Passage":
        """Until the answer is here."""
        self.begun = time.perf_counter()
        answered = False
        try:
            while not is_whole(self.answer):
                if time.perf_counter() - self.begun > PATIENCE:
                    raise SystemExit(f"no answer after {self.sent:,} bytes, of which {len(self.arrived):,} arrived")
                self.send()
                self.arrive()
                if self.upstream and not answered and is_whole(self.arrived):
                    self.upstream.sendall(ANSWER)
                    answered = True
                self.answer += some(self.caller)
        finally:
            for end in [self.caller, *([self.upstream] if self.upstream else [])]:
                end.close()
        return self

    def send(self) -> None:
        until = len(self.request)
        if self.per_second:
            until = min(until, PIECE + int((time.perf_counter() - self.begun) * self.per_second))
        piece = self.request[self.sent:min(until, self.sent + PIECE)]
        try:
            self.sent += self.caller.send(piece) if piece else 0
        except BlockingIOError:
            pass
        except OSError:
            # It has been answered before all of it was sent.
            self.sent = len(self.request)

    def arrive(self) -> None:
        if not self.upstream:
            try:
                self.upstream, _ = self.listener.accept()
            except BlockingIOError:
                return
            self.upstream.setblocking(False)
        piece = some(self.upstream)
        if piece and self.first_byte is None:
            self.first_byte = time.perf_counter() - self.begun
        self.arrived += piece

    def status(self) -> int:
        return int(self.answer.split()[1])

    def body(self) -> bytes:
        """The body that arrived."""
        head, _, body = bytes(self.arrived).partition(b"\r\n\r\n")
        return joined(body) if is_chunked(head) else body


def some(end: socket.socket) -> bytes:
    try:
        return end.recv(1 << 20)
    except BlockingIOError:
        return b""


def is_chunked(head: bytes) -> bool:
    return b"\r\ntransfer-encoding: chunked" in head.lower()


def is_whole(message: bytearray) -> bool:
    end = message.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = bytes(message[:end])
    if is_chunked(head):
        return message.endswith(b"\r\n0\r\n\r\n")
    length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return len(message) - end - 4 >= int(length[0].partition(b":")[2] if length else 0)


def joined(chunks: bytes) -> bytes:
    pieces, at = [], 0
    while True:
        end = chunks.index(b"\r\n", at)
        size = int(chunks[at:end].partition(b";")[0], 16)
        if not size:
            return b"".join(pieces)
        pieces.append(chunks[end + 2:end + 2 + size])
        at = end + 2 + size + 2
