"""OpenAI's API: `openai`, `langchain-openai` and `litellm`."""

import asyncio
import unittest

import litellm
import openai
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from clients.providers import TEXT
from clients.support import HELLO, REASON, ClientTest
from test_gateway import DEADLINE

WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


class OpenAITest(ClientTest):
    def client(self, token=None):
        client = openai.OpenAI(api_key=token or self.token, base_url=f"{self.base}/v1", max_retries=0, timeout=DEADLINE)
        self.addCleanup(client.close)
        return client

    def test_a_response_is_answered(self):
        self.assertEqual(self.client().responses.create(model="chat", input="hello").output_text, TEXT)
        self.arrived("/v1/responses", "upstream-chat")

    def test_a_streamed_response_arrives(self):
        with self.client().responses.stream(model="chat", input="hello") as stream:
            words = [event.delta for event in stream if event.type == "response.output_text.delta"]
        self.assertEqual("".join(words), TEXT)
        self.arrived("/v1/responses", "upstream-chat")

    def test_a_tool_is_called(self):
        answer = self.client().chat.completions.create(model="chat", messages=HELLO, tools=[WEATHER])
        self.assertEqual(answer.choices[0].message.tool_calls[0].function.name, "weather")
        self.arrived("/v1/chat/completions", "upstream-chat")

    def test_the_async_client_chats_and_streams(self):
        async def chat():
            async with openai.AsyncOpenAI(api_key=self.token, base_url=f"{self.base}/v1", max_retries=0) as client:
                answer = await client.chat.completions.create(model="chat", messages=HELLO)
                stream = await client.chat.completions.create(model="chat", messages=HELLO, stream=True)
                return answer.choices[0].message.content, "".join([c.choices[0].delta.content async for c in stream])

        self.assertEqual(asyncio.run(chat()), (TEXT, TEXT))
        self.assertEqual(len(self.upstream.take_requests()), 2)

    def test_denials_and_expired_tokens_have_their_own_exceptions(self):
        denied, expired = self.client(), self.client(self.expired)
        error = openai.PermissionDeniedError
        self.assert_refused(lambda: denied.responses.create(model="denied", input="hello"), error, 403, REASON)
        self.assert_refused(
            lambda: denied.responses.create(model="denied", input="hello", stream=True), error, 403, REASON
        )
        self.assert_refused(
            lambda: expired.responses.create(model="chat", input="hello"), openai.AuthenticationError, 401, "expired"
        )


class LangChainTest(ClientTest):
    def client(self, model="chat", token=None):
        return ChatOpenAI(model=model, api_key=token or self.token, base_url=f"{self.base}/v1", max_retries=0)

    def test_a_chat_is_answered_and_streamed(self):
        self.assertEqual(self.client().invoke("hello").content, TEXT)
        self.arrived("/v1/chat/completions", "upstream-chat")
        self.assertEqual("".join(chunk.content for chunk in self.client().stream("hello")), TEXT)
        self.arrived("/v1/chat/completions", "upstream-chat")

    def test_a_tool_is_called(self):
        @tool
        def weather(city: str) -> str:
            """The weather in a city."""
            return city

        [call] = self.client().bind_tools([weather]).invoke("hello").tool_calls
        self.assertEqual((call["name"], call["args"]), ("weather", {"city": "Paris"}))
        self.arrived("/v1/chat/completions", "upstream-chat")

    def test_a_text_is_embedded(self):
        embeddings = OpenAIEmbeddings(
            model="embedder",
            api_key=self.token,
            base_url=f"{self.base}/v1",
            check_embedding_ctx_length=False,
            model_kwargs={"encoding_format": "float"},
        )
        self.assertEqual(embeddings.embed_query("hello"), [0.25, 0.5])
        self.arrived("/v1/embeddings", "upstream-embed")

    def test_denials_and_expired_tokens_have_their_own_exceptions(self):
        error = openai.PermissionDeniedError
        self.assert_refused(lambda: self.client("denied").invoke("hello"), error, 403, REASON)
        self.assert_refused(lambda: list(self.client("denied").stream("hello")), error, 403, REASON)
        expired = self.client(token=self.expired)
        self.assert_refused(lambda: expired.invoke("hello"), openai.AuthenticationError, 401, "expired")


class LiteLLMTest(ClientTest):
    def call(self, model="openai/chat", token=None, **options):
        options |= {"api_key": token or self.token, "max_retries": 0}
        return litellm.completion(model=model, messages=HELLO, api_base=f"{self.base}/v1", **options)

    def test_a_chat_is_answered_and_streamed(self):
        self.assertEqual(self.call().choices[0].message.content, TEXT)
        self.arrived("/v1/chat/completions", "upstream-chat")
        self.assertEqual("".join(c.choices[0].delta.content or "" for c in self.call(stream=True)), TEXT)
        self.arrived("/v1/chat/completions", "upstream-chat")

    def test_it_calls_modelgate_as_it_calls_its_own_proxy(self):
        answer = litellm.completion(
            model="litellm_proxy/chat", messages=HELLO, api_base=self.base, api_key=self.token, max_retries=0
        )
        self.assertEqual(answer.choices[0].message.content, TEXT)
        self.arrived("/v1/chat/completions", "upstream-chat")

    def test_claude_is_called_by_anthropics_api(self):
        answer = litellm.completion(
            model="anthropic/claude", messages=HELLO, api_base=self.base, api_key=self.token, max_retries=0
        )
        self.assertEqual(answer.choices[0].message.content, TEXT)
        self.arrived("/v1/messages", "upstream-claude")

    def test_denials_and_expired_tokens_have_their_own_exceptions(self):
        # LiteLLM has no exception of its own for 403 in OpenAI's form.
        self.assert_refused(lambda: self.call("openai/denied"), litellm.APIError, 403, REASON)
        self.assert_refused(lambda: self.call(token=self.expired), litellm.AuthenticationError, 401, "expired")


if __name__ == "__main__":
    unittest.main(verbosity=2)
