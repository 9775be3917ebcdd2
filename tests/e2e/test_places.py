"""Models in forms, paths and batches, between real parts: calls by `openai` and `anthropic`."""

import json
import random
import unittest

import anthropic
import openai

from test_gateway import DEADLINE, HELLO, UPSTREAM_KEY, fetch, issue, start_gateway, start_provider, start_upstream
from upstream import WORDS

# Longer than one frame, with line breaks and hyphens in it as in delimiters.
RECORDING = random.Random(0).randbytes(1_000_000) + b"\r\n--\r\n---\n--" + random.Random(1).randbytes(1_000)
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(1_000)


def batch(*models):
    lines = [
        {"custom_id": str(n), "method": "POST", "url": "/v1/chat/completions", "body": {"model": model, "messages": HELLO}}
        for n, model in enumerate(models)
    ]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


class PlacesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstream = start_upstream(cls)
        issuer = start_provider(cls)
        cls.base = start_gateway(
            cls,
            "config-places.yaml",
            cls.upstream,
            UPSTREAM_ROOT=cls.upstream.url.removesuffix("/v1"),
            JWT_PUBLIC_KEY_URL=f"{issuer}/.well-known/openid-configuration",
            JWT_AUDIENCE="modelgate-e2e",
            JWT_ISSUER=issuer,
        )
        cls.token = issue(issuer)

    def setUp(self):
        self.upstream.take_requests()
        client = openai.OpenAI(api_key=self.token, base_url=f"{self.base}/v1", max_retries=0, timeout=DEADLINE)
        self.addCleanup(client.close)
        self.openai = client

    def azure(self):
        client = openai.AzureOpenAI(
            api_key=self.token, azure_endpoint=self.base, api_version="of-the-caller", max_retries=0, timeout=DEADLINE
        )
        self.addCleanup(client.close)
        return client

    def anthropic(self):
        client = anthropic.Anthropic(api_key=self.token, base_url=self.base, max_retries=0, timeout=DEADLINE)
        self.addCleanup(client.close)
        return client

    def arrived(self):
        [request] = self.upstream.take_requests()
        self.assertNotIn(self.token, str(request["headers"]))
        return request

    def assert_denied(self, call, **arguments):
        with self.assertRaises((openai.PermissionDeniedError, anthropic.PermissionDeniedError)):
            call(**arguments)
        self.assertEqual(self.upstream.take_requests(), [])

    def test_a_recording_is_transcribed(self):
        answer = self.openai.audio.transcriptions.create(
            model="whisper", file=("a.mp3", RECORDING, "audio/mpeg"), prompt="of birds", timestamp_granularities=["word"]
        )
        self.assertEqual(answer.text, "hello")
        request = self.arrived()
        self.assertEqual(request["path"], "/v1/audio/transcriptions")
        fields = dict(request["form"])
        self.assertEqual(fields["model"], b"upstream-whisper")
        self.assertEqual(fields["prompt"], b"of birds")
        self.assertEqual(fields["file"], RECORDING)
        self.assertEqual(int(request["headers"]["content-length"]), request["length"])

    def test_a_recording_for_a_denied_model_is_not(self):
        self.assert_denied(self.openai.audio.transcriptions.create, model="denied", file=("a.mp3", RECORDING))

    def test_images_are_generated(self):
        self.openai.images.generate(model="image", prompt="a bird")
        request = self.arrived()
        self.assertEqual((request["path"], request["body"]["model"]), ("/v1/images/generations", "upstream-image"))
        self.assert_denied(self.openai.images.generate, model="denied", prompt="a bird")

    def test_images_are_edited(self):
        pictures = [("a.png", PICTURE, "image/png"), ("b.png", PICTURE[::-1], "image/png")]
        self.openai.images.edit(model="image", image=pictures, prompt="a bird")
        request = self.arrived()
        self.assertEqual(request["path"], "/v1/images/edits")
        self.assertIn(("model", b"upstream-image"), request["form"])
        self.assertEqual(sum(value in (PICTURE, PICTURE[::-1]) for _, value in request["form"]), 2)
        self.assert_denied(self.openai.images.edit, model="denied", image=pictures, prompt="a bird")

    def test_a_batch_of_allowed_models_is_kept_and_a_caller_with_a_list_starts_none(self):
        lines = batch("chat", "team/chat")
        file = self.openai.files.create(file=("b.jsonl", lines), purpose="batch")
        request = self.arrived()
        self.assertEqual(request["path"], "/v1/files")
        self.assertEqual(dict(request["form"])["file"], lines)
        # D10: the request names no model, and runs those of a file that anybody may have sent.
        self.assert_denied(
            self.openai.batches.create,
            input_file_id=file.id,
            endpoint="/v1/chat/completions",
            completion_window="24h",
        )

    def test_one_denied_model_in_a_batch_denies_it(self):
        lines = batch(*["chat"] * 1_000, "denied", "chat")
        self.assert_denied(self.openai.files.create, file=("b.jsonl", lines), purpose="batch")

    def test_a_file_of_another_purpose_is_kept_unread(self):
        self.openai.files.create(file=("a.bin", RECORDING), purpose="user_data")
        self.assertEqual(dict(self.arrived()["form"])["file"], RECORDING)

    def test_a_batch_that_cannot_be_read_is_refused(self):
        with self.assertRaises(openai.BadRequestError):
            self.openai.files.create(file=("b.jsonl", batch("chat") + b"{\n"), purpose="batch")
        self.assertEqual(self.upstream.take_requests(), [])

    def test_a_deployment_path_reaches_an_azure_deployment(self):
        self.azure().chat.completions.create(model="azure-chat", messages=HELLO)
        request = self.arrived()
        path = "/openai/deployments/upstream-azure/chat/completions?api-version=2024-10-21"
        self.assertEqual(request["path"], path)
        self.assertEqual(request["body"]["model"], "upstream-azure")
        self.assertEqual(request["headers"]["api-key"], UPSTREAM_KEY)

    def test_a_deployment_path_reaches_another_deployment(self):
        self.azure().chat.completions.create(model="chat", messages=HELLO)
        request = self.arrived()
        self.assertEqual(request["path"].split("?")[0], "/v1/chat/completions")
        self.assertEqual(request["body"]["model"], "upstream-chat")

    def test_a_denied_model_in_a_deployment_path_is_denied(self):
        self.assert_denied(self.azure().chat.completions.create, model="denied", messages=HELLO)

    def test_a_deployment_path_replaces_the_model_of_the_body(self):
        self.azure().chat.completions.create(model="chat", messages=HELLO, extra_body={"model": "denied"})
        self.assertEqual(self.arrived()["body"]["model"], "upstream-chat")

    def test_a_message_is_answered(self):
        answer = self.anthropic().messages.create(model="claude", max_tokens=9, messages=HELLO)
        self.assertEqual(answer.content[0].text, "".join(WORDS))
        request = self.arrived()
        self.assertEqual((request["path"], request["body"]["model"]), ("/v1/messages", "upstream-claude"))
        self.assertEqual(request["headers"]["x-api-key"], UPSTREAM_KEY)

    def test_a_streamed_message_arrives_word_by_word(self):
        words = []
        with self.anthropic().messages.stream(model="claude", max_tokens=9, messages=HELLO) as stream:
            for word in stream.text_stream:
                words.append(word)
                if len(words) < len(WORDS):
                    self.upstream.go_on.put(None)
        self.assertEqual(words, WORDS)

    def test_a_message_to_a_denied_model_is_denied(self):
        messages = self.anthropic().messages
        self.assert_denied(messages.create, model="denied-claude", max_tokens=9, messages=HELLO)
        self.assert_denied(messages.create, model="denied-claude", max_tokens=9, messages=HELLO, stream=True)

    def test_each_listed_model_can_be_asked_for_and_no_other(self):
        listed = [model.id for model in self.openai.models.list()]
        self.assertEqual(listed, ["azure-chat", "chat", "claude", "image", "team/chat", "whisper"])
        for name in listed:
            self.assertEqual(self.openai.models.retrieve(name).id, name)
        for name in ["denied", "unknown"]:
            with self.assertRaises(openai.NotFoundError):
                self.openai.models.retrieve(name)
        headers = {"authorization": f"Bearer {self.token}"}
        info = fetch(f"{self.base}/model/info", headers=headers).decode()
        self.assertEqual(sorted(entry["model_name"] for entry in json.loads(info)["data"]), listed)
        self.assertNotIn(UPSTREAM_KEY, info)
        self.assertEqual(self.upstream.take_requests(), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
