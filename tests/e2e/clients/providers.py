"""An upstream that answers in the form of each provider, plain and streamed, and one that speaks WebSockets."""

import json
import threading

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from upstream import USAGE, WORDS, Handler, Upstream

TEXT = "".join(WORDS)


class ProvidersUpstream(Upstream):
    def __init__(self):
        super().__init__(ProvidersHandler)


class ProvidersHandler(Handler):
    def wait_for_client(self):
        """Streams without a pause: the clients here read at their own pace."""

    def respond(self, operation, body):
        is_streamed = body.get("stream") is True
        if operation == "/v1/chat/completions" and is_streamed:
            self.stream(chat_events(body["model"]))
        elif operation.endswith(":generateContent"):
            self.answer(google_answer(TEXT))
        elif operation.endswith(":streamGenerateContent"):
            self.stream([sse(google_answer(word))] for word in WORDS)
        elif operation.endswith(":embedContent"):
            self.answer({"embedding": {"values": [0.25, 0.5]}})
        elif operation.endswith(":batchEmbedContents"):
            self.answer({"embeddings": [{"values": [0.25, 0.5]} for _ in body["requests"]]})
        elif operation.endswith(":countTokens"):
            self.answer({"totalTokens": 3})
        elif operation == "/v2/chat" and is_streamed:
            self.stream([sse(event, event["type"])] for event in cohere_events())
        elif operation == "/v2/chat":
            message = {"role": "assistant", "content": [{"type": "text", "text": TEXT}]}
            self.answer({"id": "c-1", "finish_reason": "COMPLETE", "message": message})
        elif operation == "/v2/embed":
            self.answer({"id": "e-1", "texts": ["hello"], "embeddings": {"float": [[0.25, 0.5]]}})
        elif operation in ("/api/chat", "/api/generate"):
            self.ollama(operation, body)
        elif operation == "/api/embed":
            self.answer({"model": body["model"], "embeddings": [[0.25, 0.5]]})
        elif operation == "/v1/responses" and is_streamed:
            self.stream([sse(event, event["type"])] for event in response_events(body["model"]))
        elif operation == "/v1/responses":
            self.answer(response(body["model"], "completed"))
        elif operation == "/v1/embeddings":
            data = [{"object": "embedding", "index": 0, "embedding": [0.25, 0.5]}]
            self.answer({"id": "e-1", "object": "list", "model": body["model"], "data": data, "usage": USAGE})
        elif operation == "/v1/messages/count_tokens":
            self.answer({"input_tokens": 3})
        elif body.get("tools") and operation == "/v1/chat/completions" and not is_streamed:
            self.tool_call(body)
        else:
            super().respond(operation, body)

    def tool_call(self, body):
        function = {"name": body["tools"][0]["function"]["name"], "arguments": '{"city": "Paris"}'}
        calls = [{"id": "call-1", "type": "function", "function": function}]
        message = {"role": "assistant", "content": None, "tool_calls": calls}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        completion = {"id": "c-1", "object": "chat.completion", "created": 1, "model": body["model"]}
        self.answer(completion | {"choices": [choice], "usage": USAGE})

    def ollama(self, operation, body):
        def part(text, done):
            content = {"message": {"role": "assistant", "content": text}} if operation == "/api/chat" else {"response": text}
            return {"model": body["model"], "created_at": "2026-01-01T00:00:00Z", "done": done} | content

        if body.get("stream", True):
            self.stream([json.dumps(part(word, word == WORDS[-1])) + "\n"] for word in WORDS)
        else:
            self.answer(part(TEXT, True))


def chat_events(model):
    """Words, and the reason to stop that some clients wait for."""
    common = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": model}
    for word in WORDS:
        choice = {"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}
        yield [sse(common | {"choices": [choice]})]
    yield [sse(common | {"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}]}), "data: [DONE]\n\n"]


def sse(value, event=None):
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(value)}\n\n"


def google_answer(text):
    content = {"role": "model", "parts": [{"text": text}]}
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    return {"candidates": [{"content": content, "finishReason": "STOP", "index": 0}], "usageMetadata": usage}


def cohere_events():
    yield {"type": "message-start", "id": "c-1", "delta": {"message": {"role": "assistant", "content": []}}}
    yield {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}}
    for word in WORDS:
        yield {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": word}}}}
    yield {"type": "content-end", "index": 0}
    yield {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}}


def response(model, status):
    content = [{"type": "output_text", "text": TEXT, "annotations": []}]
    message = {"id": "msg-1", "type": "message", "role": "assistant", "status": "completed", "content": content}
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    return {
        "id": "resp-1",
        "object": "response",
        "created_at": 1,
        "model": model,
        "status": status,
        "output": [message] if status == "completed" else [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": usage | details if status == "completed" else None,
    }


def response_events(model):
    place = {"item_id": "msg-1", "output_index": 0, "content_index": 0}
    done = response(model, "completed")
    [item] = done["output"]
    yield {"type": "response.created", "response": response(model, "in_progress")}
    yield {"type": "response.output_item.added", "output_index": 0, "item": item | {"status": "in_progress", "content": []}}
    part = {"type": "output_text", "text": "", "annotations": []}
    yield {"type": "response.content_part.added", "part": part} | place
    for word in WORDS:
        yield {"type": "response.output_text.delta", "delta": word, "logprobs": []} | place
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}
    yield {"type": "response.completed", "response": done}


class SocketUpstream:
    """A WebSocket for each API that has one. It records the handshakes and the messages that it gets."""

    def __init__(self):
        self.handshakes = []
        self.messages = []
        self.server = serve(self.talk, "127.0.0.1", 0)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.socket.getsockname()[1]}/v1"

    def take(self):
        taken = self.handshakes, self.messages
        self.handshakes, self.messages = [], []
        return taken

    def talk(self, connection):
        request = connection.request
        headers = {name.lower(): value for name, value in request.headers.raw_items()}
        self.handshakes.append({"path": request.path, "headers": headers})
        try:
            if request.path.startswith("/v1/realtime"):
                connection.send(json.dumps({"type": "session.created", "event_id": "e-1", "session": {"type": "realtime"}}))
            for text in connection:
                message = json.loads(text)
                self.messages.append(message)
                for answer in socket_answers(message):
                    connection.send(json.dumps(answer))
        except ConnectionClosed:
            pass


def socket_answers(message):
    """What each API answers to one message of a client."""
    if "setup" in message:
        return [{"setupComplete": {}}]
    if "clientContent" in message or "client_content" in message:
        turn = {"modelTurn": {"role": "model", "parts": [{"text": TEXT}]}, "turnComplete": True}
        return [{"serverContent": turn}]
    if message.get("type") == "response.create" and "model" in message:
        events = enumerate(response_events(message["model"]))
        return [event | {"sequence_number": n} for n, event in events]
    if message.get("type") == "response.create":
        delta = {"type": "response.output_text.delta", "event_id": "e-2", "response_id": "r-1", "item_id": "i-1"}
        return [delta | {"output_index": 0, "content_index": 0, "delta": TEXT}]
    return []
