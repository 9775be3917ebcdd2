"""Frames of WebSockets over a plain socket, without work for each byte: what is measured is in between."""

import base64
import hashlib
import os
import socket
import time
from dataclasses import dataclass

TEXT, CLOSE, FINAL, MASKED = 1, 8, 0x80, 0x80
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# Of so many messages each byte is compared, of the others the length.
COMPARED = 50


@dataclass(frozen=True)
class Received:
    messages: int
    content_bytes: int
    seconds: float


def frame(first: int, content: bytes, masked: bool) -> bytes:
    size = len(content)
    mask = os.urandom(4) if masked else b""
    flag = MASKED if masked else 0
    if size < 126:
        length = bytes([flag | size])
    elif size < 1 << 16:
        length = bytes([flag | 126]) + size.to_bytes(2, "big")
    else:
        length = bytes([flag | 127]) + size.to_bytes(8, "big")
    return bytes([first]) + length + mask + (unmasked(content, mask) if masked else content)


def unmasked(content: bytes, mask: bytes) -> bytes:
    """The content with each byte combined with the mask's; the same puts it on and takes it off."""
    size = len(content)
    repeated = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(content, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")


def knock(port: int, path: str, token: str) -> socket.socket:
    """A caller's connection, after the handshake."""
    connection = socket.create_connection(("127.0.0.1", port), 60)
    key = base64.b64encode(os.urandom(16))
    head = (f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nConnection: Upgrade\r\n"
            f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key.decode()}\r\n\r\n")
    connection.sendall(head.encode())
    answer = head_of(connection)
    if not answer.startswith(b"HTTP/1.1 101") or accepting(key) not in answer:
        raise SystemExit(f"a handshake got {answer[:500]!r}")
    return connection


def open_door(listener: socket.socket) -> socket.socket:
    """An upstream's connection, after the handshake."""
    connection, _ = listener.accept()
    head = head_of(connection)
    key = next(line.split(b":")[1].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
    connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                       b"Sec-WebSocket-Accept: " + accepting(key) + b"\r\n\r\n")
    return connection


def accepting(key: bytes) -> bytes:
    return base64.b64encode(hashlib.sha1(key + GUID).digest())


def head_of(connection: socket.socket) -> bytes:
    """A head. Byte by byte, since frames may follow."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            raise SystemExit(f"a connection ended in its handshake: {head!r}")
        head += byte
    return head


def send(connection: socket.socket, content: bytes, masked: bool, seconds: float) -> int:
    """Sends the same message for so long, and a close frame; gives the number of messages."""
    message = frame(FINAL | TEXT, content, masked)
    count, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        connection.sendall(message)
        count += 1
    connection.sendall(frame(FINAL | CLOSE, b"\x03\xe8", masked))
    return count


def receive(connection: socket.socket, expected: bytes) -> Received:
    """Reads messages, each of which must be the expected one, until a close frame."""
    waiting, messages, size, content = bytearray(), 0, 0, []
    begun = ended = 0.0
    room = bytearray(1 << 20)
    while True:
        got = connection.recv_into(room)
        if not got:
            raise SystemExit(f"a connection ended without a close frame, after {messages} messages")
        begun = begun or time.perf_counter()
        waiting += memoryview(room)[:got]
        at = 0
        while whole := frame_at(waiting, at):
            first, mask, start, end = whole
            at = end
            if first & 0x0F == CLOSE:
                return Received(messages, messages * len(expected), ended - begun)
            if first & 0x0F > CLOSE:
                continue
            size += end - start
            if messages < COMPARED:
                piece = bytes(waiting[start:end])
                content.append(unmasked(piece, mask) if mask else piece)
            if first & FINAL:
                if size != len(expected) or (content and b"".join(content) != expected):
                    raise SystemExit(f"message {messages} of {size} bytes arrived changed")
                messages, size, content, ended = messages + 1, 0, [], time.perf_counter()
        del waiting[:at]


def frame_at(data: bytearray, at: int) -> tuple[int, bytes, int, int] | None:
    """The first byte, the mask, and the start and the end of the content, if the frame is all there."""
    if len(data) < at + 2:
        return None
    length, start = data[at + 1] & 0x7F, at + 2
    if length >= 126:
        digits = 2 if length == 126 else 8
        if len(data) < start + digits:
            return None
        length, start = int.from_bytes(data[start:start + digits], "big"), start + digits
    mask = bytes(data[start:start + 4]) if data[at + 1] & MASKED else b""
    start += len(mask)
    end = start + length
    return (data[at], mask, start, end) if len(data) >= end else None
