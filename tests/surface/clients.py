"""The clients, as an application makes them, and what their signatures do not tell."""

import datetime
import os
import pathlib
import tempfile
import warnings

import anthropic
import cohere
import google.auth.credentials
import ollama
import openai
from google import genai
from google.genai import live, types
from mistralai.client import Mistral
from pydantic import BaseModel

warnings.filterwarnings("ignore")
SETTINGS = {"api_key": "k", "max_retries": 0, "timeout": 5}

# Members of every client that are no calls of its API.
GENERIC = {
    "aclose", "close", "qs", "copy", "custom_auth", "delete_async", "do_request", "dynamic_import", "from_env", "get_api_list",
    "is_closed", "parent_ref", "platform_headers", "register_model", "sdk_configuration", "with_middleware", "with_options",
    "with_raw_response", "with_streaming_response",
}
AT_THE_ROOT = {"delete", "get", "patch", "post", "put", "request"}


class Token(google.auth.credentials.Credentials):
    """Credentials of Google's cloud that need no cloud."""

    def refresh(self, _request):
        self.token = "k"
        self.expiry = datetime.datetime(2100, 1, 1)


def all_of(base):
    """Each client by name: the object, and the package whose classes are its resources."""
    google = {"base_url": base, "timeout": 5000}

    def gemini(version):
        return genai.Client(api_key="k", http_options={**google, "api_version": version} if version else google)

    return {
        "openai": (
            openai.OpenAI(base_url=f"{base}/v1", websocket_base_url=base.replace("http", "ws") + "/v1",
                          admin_api_key="k", **SETTINGS), "openai"),
        "openai-azure": (
            openai.AzureOpenAI(azure_endpoint=base, api_version="2025-04-01-preview", **SETTINGS), "openai"),
        "anthropic": (anthropic.Anthropic(base_url=base, **SETTINGS), "anthropic"),
        "google": (gemini(None), "google"),
        "google-v1beta": (gemini("v1beta"), "google"),
        "google-vertex": (
            genai.Client(vertexai=True, project="p", location="l", credentials=Token(),
                         http_options={**google, "base_url": f"{base}/vertex_ai"}), "google"),
        "mistral": (Mistral(api_key="k", server_url=base, timeout_ms=5000), "mistralai"),
        "cohere": (cohere.Client(api_key="k", base_url=base, timeout=5), "cohere"),
        "ollama": (ollama.Client(host=base, timeout=5), "ollama"),
    }


def a_file():
    """The path of a small file of JSON lines."""
    path = os.path.join(tempfile.mkdtemp(), "x.jsonl")
    with open(path, "wb") as file:
        file.write(b"{}\n")
    return path


class Answer(BaseModel):
    """What a structured answer is parsed to."""

    text: str


CHAT = [{"role": "user", "content": "x"}]
# Arguments that a signature does not tell, by the end of a call's name; `client:` before it means those clients alone.
OWN = {
    "cohere:chat": {"message": "x", "model": "x-model"},
    "cohere:chat_stream": {"message": "x", "model": "x-model"},
    "cohere:v2.chat": {"messages": CHAT},
    "cohere:v2.chat_stream": {"messages": CHAT},
    "google:batches.cancel": {"name": "batches/1"},
    "google:batches.create": {"model": "x-model", "src": "files/x-name"},
    "google:batches.create_embeddings": {"model": "x-model", "src": {"file_name": "files/x-name"}},
    "google:batches.delete": {"name": "batches/1"},
    "google:batches.get": {"name": "batches/1"},
    "google:credentials.create": {"type": "bearer_token", "token": "x", "id": "x-id"},
    "google:credentials.update": {"type": "bearer_token", "token": "x"},
    "google:environments.files.download": {"environment": "x-environment", "path": "x-path"},
    "google:environments.files.upload": lambda: {"environment": "x-environment", "path": "x-path", "file": a_file()},
    "google:file_search_stores.delete": {"name": "fileSearchStores/x-store"},
    "google:file_search_stores.documents.delete": {"name": "fileSearchStores/x-store/documents/x-document"},
    "google:file_search_stores.documents.get": {"name": "fileSearchStores/x-store/documents/x-document"},
    "google:file_search_stores.documents.list": {"parent": "fileSearchStores/x-store"},
    "google:file_search_stores.download_media": {"media_id": "fileSearchStores/x-store/media/x-media"},
    "google:file_search_stores.get": {"name": "fileSearchStores/x-store"},
    "google:file_search_stores.import_file": {"file_search_store_name": "fileSearchStores/x-store", "file_name": "files/x-name"},
    "google:file_search_stores.upload_to_file_search_store":
        lambda: {"file_search_store_name": "fileSearchStores/x-store", "file": a_file(), "config": {"mime_type": "text/plain"}},
    "google:files.register_files": lambda: {"auth": Token(), "uris": ["gs://x"]},
    "google:files.upload": lambda: {"file": a_file(), "config": {"mime_type": "text/plain"}},
    "google:interactions.create": {"model": "x-model", "input": "x"},
    "google:operations.get": lambda: {"operation": types.GenerateVideosOperation(name="models/x-model/operations/x-operation")},
    "google:tunings.cancel": {"name": "tunedModels/x-name"},
    "google:tunings.get": {"name": "tunedModels/x-name"},
    "google-vertex:batches.cancel": {"name": "projects/p/locations/l/batchPredictionJobs/1"},
    "google-vertex:batches.delete": {"name": "projects/p/locations/l/batchPredictionJobs/1"},
    "google-vertex:batches.get": {"name": "projects/p/locations/l/batchPredictionJobs/1"},
    "google-vertex:batches.create": {"model": "x-model", "src": "gs://x/y.jsonl"},
    "google-vertex:tunings.cancel": {"name": "projects/p/locations/l/tuningJobs/1"},
    "google-vertex:tunings.get": {"name": "projects/p/locations/l/tuningJobs/1"},
    "google-vertex:tunings.validate_reward": {"parent": "projects/p/locations/l"},
    "google-vertex:operations.get":
        lambda: {"operation": types.GenerateVideosOperation(
            name="projects/p/locations/l/publishers/google/models/x-model/operations/x-operation")},
    "mistral:chat.parse": {"response_format": Answer, "messages": CHAT, "model": "x-model"},
    "mistral:chat.parse_stream": {"response_format": Answer, "messages": CHAT, "model": "x-model"},
    "ollama:create_blob": lambda: {"path": a_file()},
    "openai:admin.organization.external_keys.create":
        {"external_id": "x", "kms_arn": "x", "name": "x", "role_arn": "x", "type": "aws"},
    "openai:audio.voices.create": {"audio_sample": ("x.wav", b"x"), "consent": "x", "name": "x"},
    "openai:beta.agents.automations.create":
        {"expression": "x", "name": "x", "target": {"agent_id": "x-agent_id"}, "timezone": "UTC", "type": "cron"},
    "openai:beta.agents.environments.files.create": {"file_id": "x", "path": "/workspace/x", "type": "file"},
    "openai:beta.agents.environments.files.upload": lambda: {"path": "/workspace/x", "file": pathlib.Path(a_file())},
    "openai:responses.parse": {"input": "x", "model": "x-model"},
    "openai:responses.stream": {"input": "x", "model": "x-model"},
    "openai:uploads.upload_file_chunked": lambda: {"file": a_file(), "mime_type": "text/plain", "purpose": "batch"},
}


def own_arguments(client, call):
    """The arguments that are given for one call, whatever its signature says. A longer name of a client goes first."""
    made = {}
    for key in sorted(OWN, key=len):
        name, _, end = key.partition(":")
        if client.startswith(name) and call in (end, f"beta.{end}"):
            made.update(OWN[key]() if callable(OWN[key]) else OWN[key])
    return made


def openai_response(client):
    with client.responses.connect() as connection:
        connection.response.create(model="x-model", input="x")


def openai_realtime(client):
    with client.realtime.connect(model="x-model") as connection:
        connection.session.update(session={"type": "realtime", "model": "x-model"})


async def google_live(client):
    # The client always speaks TLS here; what it says inside is the same without.
    connect = live.ws_connect
    live.ws_connect = lambda uri, **rest: connect(uri.replace("wss:", "ws:", 1), **{**rest, "ssl": None})
    async with client.aio.live.connect(model="x-model", config={"response_modalities": ["TEXT"]}):
        pass


def google_chat(client):
    client.chats.create(model="x-model").send_message("x")


def google_interaction_of_an_agent(client):
    client.interactions.create(agent="x-agent", input="x")


def mistral_transcription(client):
    client.audio.transcriptions.complete(model="x-model", file={"file_name": "x.wav", "content": b"x"})


GOOGLE = {
    "aio.live.connect (first frame)": google_live,
    "chats.create (message)": google_chat,
    "interactions.create (agent)": google_interaction_of_an_agent,
}
# Calls that need more than one step, by client.
EXTRA = {
    "openai": {
        "responses.connect (first frame)": openai_response,
        "realtime.connect (first frame)": openai_realtime,
    },
    "mistral": {"audio.transcriptions.complete (file)": mistral_transcription},
    "google": GOOGLE, "google-v1beta": GOOGLE, "google-vertex": GOOGLE,
}
