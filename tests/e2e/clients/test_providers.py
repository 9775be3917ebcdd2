"""The clients of Google, Mistral, Cohere, Ollama and Anthropic, each against its own API."""

import asyncio
import unittest

import anthropic
import cohere
import ollama
from cohere.core.api_error import ApiError
from google import genai
from google.genai.errors import ClientError
from mistralai.client import Mistral
from mistralai.client.errors import MistralError

from clients.providers import TEXT
from clients.support import HELLO, REASON, ClientTest

MODELS = ["chat", "claude", "codex-socket", "command", "embedder", "gemini", "live", "llama", "mistral", "realtime"]


class GoogleTest(ClientTest):
    def client(self, token=None):
        client = genai.Client(api_key=token or self.token, http_options={"base_url": self.base})
        self.addCleanup(client.close)
        return client

    def test_content_is_generated_and_streamed(self):
        models = self.client().models
        self.assertEqual(models.generate_content(model="gemini", contents="hello").text, TEXT)
        self.arrived("/v1/models/upstream-gemini:generateContent")
        stream = models.generate_content_stream(model="gemini", contents="hello")
        self.assertEqual("".join(chunk.text for chunk in stream), TEXT)
        self.arrived("/v1/models/upstream-gemini:streamGenerateContent")

    def test_the_async_client_generates(self):
        async def generate():
            async with self.client().aio as client:
                return (await client.models.generate_content(model="gemini", contents="hello")).text

        self.assertEqual(asyncio.run(generate()), TEXT)
        self.arrived("/v1/models/upstream-gemini:generateContent")

    def test_contents_are_embedded_and_counted(self):
        models = self.client().models
        # The client sends texts as the parts of one content to a model with `gemini` in its name.
        answer = models.embed_content(model="gemini", contents=["a", "b"])
        self.assertEqual([embedding.values for embedding in answer.embeddings], [[0.25, 0.5]])
        self.arrived("/v1/models/upstream-gemini:batchEmbedContents")
        self.assertEqual(models.count_tokens(model="gemini", contents="hello").total_tokens, 3)
        self.arrived("/v1/models/upstream-gemini:countTokens")

    def test_the_callable_models_are_listed(self):
        self.assertEqual(sorted(m.name for m in self.client().models.list()), [f"models/{name}" for name in MODELS])

    def test_denials_and_expired_tokens_have_their_own_exceptions(self):
        models, expired = self.client().models, self.client(self.expired).models
        self.assert_refused(lambda: models.generate_content(model="denied", contents="hello"), ClientError, 403, REASON)
        stream = models.generate_content_stream
        self.assert_refused(lambda: list(stream(model="denied", contents="hello")), ClientError, 403, REASON)
        self.assert_refused(
            lambda: expired.generate_content(model="gemini", contents="hello"), ClientError, 401, "expired"
        )


class MistralTest(ClientTest):
    def client(self, token=None):
        return Mistral(api_key=token or self.token, server_url=self.base)

    def test_a_chat_is_answered_and_streamed(self):
        chat = self.client().chat
        self.assertEqual(chat.complete(model="mistral", messages=HELLO).choices[0].message.content, TEXT)
        self.arrived("/v1/chat/completions", "upstream-mistral")
        with chat.stream(model="mistral", messages=HELLO) as stream:
            self.assertEqual("".join(event.data.choices[0].delta.content for event in stream), TEXT)
        self.arrived("/v1/chat/completions", "upstream-mistral")

    def test_the_async_methods_chat(self):
        async def chat():
            async with self.client() as client:
                return await client.chat.complete_async(model="mistral", messages=HELLO)

        self.assertEqual(asyncio.run(chat()).choices[0].message.content, TEXT)
        self.arrived("/v1/chat/completions", "upstream-mistral")

    def test_a_text_is_embedded(self):
        answer = self.client().embeddings.create(model="mistral", inputs=["hello"])
        self.assertEqual(answer.data[0].embedding, [0.25, 0.5])
        self.arrived("/v1/embeddings", "upstream-mistral")

    def test_the_callable_models_are_listed(self):
        self.assertEqual(sorted(model.id for model in self.client().models.list().data), MODELS)

    def test_denials_and_expired_tokens_have_their_own_exceptions(self):
        chat, expired = self.client().chat, self.client(self.expired).chat
        self.assert_refused(lambda: chat.complete(model="denied", messages=HELLO), MistralError, 403, REASON)
        self.assert_refused(lambda: chat.stream(model="denied", messages=HELLO), MistralError, 403, REASON)
        self.assert_refused(lambda: expired.complete(model="mistral", messages=HELLO), MistralError, 401, "expired")


class CohereTest(ClientTest):
    def client(self, token=None):
        return cohere.ClientV2(api_key=token or self.token, base_url=self.base)

    def test_a_chat_is_answered_and_streamed(self):
        client = self.client()
        self.assertEqual(client.chat(model="command", messages=HELLO).message.content[0].text, TEXT)
        self.arrived("/v2/chat", "command")
        events = client.chat_stream(model="command", messages=HELLO)
        words = [event.delta.message.content.text for event in events if event.type == "content-delta"]
        self.assertEqual("".join(words), TEXT)
        self.arrived("/v2/chat", "command")

    def test_a_text_is_embedded(self):
        answer = self.client().embed(
            model="command", input_type="search_document", texts=["hello"], embedding_types=["float"]
        )
        self.assertEqual(answer.embeddings.float_, [[0.25, 0.5]])
        self.arrived("/v2/embed", "command")

    def test_denials_and_expired_tokens_have_their_own_exceptions(self):
        client, expired = self.client(), self.client(self.expired)
        self.assert_refused(lambda: client.chat(model="denied", messages=HELLO), ApiError, 403, REASON)
        self.assert_refused(lambda: list(client.chat_stream(model="denied", messages=HELLO)), ApiError, 403, REASON)
        self.assert_refused(lambda: expired.chat(model="command", messages=HELLO), ApiError, 401, "expired")


class OllamaTest(ClientTest):
    def client(self, token=None):
        return ollama.Client(host=self.base, headers={"Authorization": f"Bearer {token or self.token}"})

    def test_a_chat_is_answered_and_streamed(self):
        client = self.client()
        self.assertEqual(client.chat(model="llama", messages=HELLO).message.content, TEXT)
        self.arrived("/api/chat", "llama")
        stream = client.chat(model="llama", messages=HELLO, stream=True)
        self.assertEqual("".join(part.message.content for part in stream), TEXT)
        self.arrived("/api/chat", "llama")

    def test_text_is_generated_and_embedded(self):
        client = self.client()
        self.assertEqual(client.generate(model="llama", prompt="hello").response, TEXT)
        self.arrived("/api/generate", "llama")
        self.assertEqual(client.embed(model="llama", input="hello").embeddings, [[0.25, 0.5]])
        self.arrived("/api/embed", "llama")

    def test_the_callable_models_are_listed(self):
        self.assertEqual(sorted(entry.model for entry in self.client().list().models), MODELS)

    def test_denials_and_expired_tokens_have_their_own_exceptions(self):
        client, expired = self.client(), self.client(self.expired)
        error = ollama.ResponseError
        self.assert_refused(lambda: client.chat(model="denied", messages=HELLO), error, 403, REASON)
        self.assert_refused(lambda: list(client.chat(model="denied", messages=HELLO, stream=True)), error, 403, REASON)
        self.assert_refused(lambda: expired.chat(model="llama", messages=HELLO), error, 401, "expired")


class AnthropicTest(ClientTest):
    def client(self, token=None):
        client = anthropic.Anthropic(api_key=token or self.token, base_url=self.base, max_retries=0)
        self.addCleanup(client.close)
        return client

    def test_tokens_are_counted(self):
        self.assertEqual(self.client().messages.count_tokens(model="claude", messages=HELLO).input_tokens, 3)
        self.arrived("/v1/messages/count_tokens", "upstream-claude")

    def test_the_callable_models_are_listed(self):
        self.assertEqual(sorted(model.id for model in self.client().models.list()), MODELS)

    def test_denials_and_expired_tokens_have_their_own_exceptions(self):
        messages, expired = self.client().messages, self.client(self.expired).messages
        options = {"max_tokens": 9, "messages": HELLO}
        error = anthropic.PermissionDeniedError
        self.assert_refused(lambda: messages.create(model="denied", **options), error, 403, REASON)
        error = anthropic.AuthenticationError
        self.assert_refused(lambda: expired.create(model="claude", **options), error, 401, "expired")


if __name__ == "__main__":
    unittest.main(verbosity=2)
