"""Writes what `modelgate` knows of LiteLLM's package: its providers and its keys.

    python -m venv venv && venv/bin/pip install 'litellm==1.110.2'
    venv/bin/python tests/configs/generate.py src/config

LiteLLM resolves a provider by code, not by a table. So this asks that code: once without any environment variable,
while the names that it looks up are recorded, and once for each of those names alone, to see whether it is taken for
the endpoint or for the key.
"""

import json
import os
import re
import sys
import textwrap
from importlib.metadata import version
from pathlib import Path

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
from litellm.constants import DEFAULT_CHAT_COMPLETION_PARAM_VALUES, OPENAI_CHAT_COMPLETION_PARAMS
from litellm.llms.openai_like.json_loader import JSONProviderRegistry
from litellm.proxy import _types
from litellm.types.router import Deployment, LiteLLM_Params, ModelInfo
from litellm.types.utils import all_litellm_params

SOURCE = f"litellm {version('litellm')}"
PROBE = "https://probe.example/"

# Signing in with them takes a browser, and happens as soon as LiteLLM is asked about them.
SIGN_IN = {"github_copilot", "chatgpt"}

# What LiteLLM resolves outside `get_llm_provider`: in `main.py` or in the class of the provider.
# name: (protocol, endpoint, variables of the endpoint, variables of the key)
ELSEWHERE = {
    "openai": ("openai", "https://api.openai.com/v1", ["OPENAI_BASE_URL", "OPENAI_API_BASE"], ["OPENAI_API_KEY"]),
    "text-completion-openai": (
        "openai", "https://api.openai.com/v1", ["OPENAI_BASE_URL", "OPENAI_API_BASE"], ["OPENAI_API_KEY"],
    ),
    "azure": ("azure", None, ["AZURE_API_BASE"], ["AZURE_OPENAI_API_KEY", "AZURE_API_KEY"]),
    "azure_text": ("azure", None, ["AZURE_API_BASE"], ["AZURE_OPENAI_API_KEY", "AZURE_API_KEY"]),
    "azure_ai": ("azure_ai", None, ["AZURE_AI_API_BASE"], ["AZURE_AI_API_KEY"]),
    "anthropic": (
        "anthropic", "https://api.anthropic.com", ["ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"], ["ANTHROPIC_API_KEY"],
    ),
    "gemini": (
        "gemini", "https://generativelanguage.googleapis.com", ["GEMINI_API_BASE"], ["GOOGLE_API_KEY", "GEMINI_API_KEY"],
    ),
    "openrouter": (
        "openai", "https://openrouter.ai/api/v1", ["OPENROUTER_API_BASE"], ["OPENROUTER_API_KEY", "OR_API_KEY"],
    ),
    # LiteLLM asks for `/beta`, which has no other models but an unstable interface.
    "deepseek": ("openai", "https://api.deepseek.com/v1", ["DEEPSEEK_API_BASE"], ["DEEPSEEK_API_KEY"]),
    "mistral": ("openai", "https://api.mistral.ai/v1", ["MISTRAL_API_BASE"], ["MISTRAL_API_KEY"]),
    # Their own interface is below `/api`; the one in OpenAI's shape below `/v1`.
    "ollama": ("openai", "http://localhost:11434", ["OLLAMA_API_BASE"], ["OLLAMA_API_KEY"]),
    "ollama_chat": ("openai", "http://localhost:11434", ["OLLAMA_API_BASE"], ["OLLAMA_API_KEY"]),
    # LiteLLM runs it in its own process; a server of it speaks OpenAI's shape.
    "vllm": ("openai", None, ["VLLM_API_BASE", "HOSTED_VLLM_API_BASE"], ["VLLM_API_KEY", "HOSTED_VLLM_API_KEY"]),
    "custom_openai": ("openai", None, ["OPENAI_BASE_URL", "OPENAI_API_BASE"], []),
    "openai_like": ("openai", None, ["OPENAI_LIKE_API_BASE"], ["OPENAI_LIKE_API_KEY"]),
    "aiohttp_openai": ("openai", "https://api.openai.com/v1", ["OPENAI_BASE_URL", "OPENAI_API_BASE"], ["OPENAI_API_KEY"]),
    # A dedicated endpoint speaks OpenAI's shape; the public router has a path for each provider behind it.
    "huggingface": ("openai", None, ["HF_API_BASE", "HUGGINGFACE_API_BASE"], ["HF_TOKEN", "HUGGINGFACE_API_KEY"]),
    "databricks": ("openai", None, ["DATABRICKS_API_BASE"], ["DATABRICKS_API_KEY"]),
    "voyage": ("openai", "https://api.voyageai.com/v1", ["VOYAGE_API_BASE"], ["VOYAGE_API_KEY", "VOYAGE_AI_API_KEY", "VOYAGE_AI_TOKEN"]),
    # The interface that Cohere itself offers in OpenAI's shape.
    "cohere": ("openai", "https://api.cohere.ai/compatibility/v1", ["COHERE_API_BASE"], ["COHERE_API_KEY", "CO_API_KEY"]),
    "cohere_chat": ("openai", "https://api.cohere.ai/compatibility/v1", ["COHERE_API_BASE"], ["COHERE_API_KEY", "CO_API_KEY"]),
    "cometapi": ("openai", "https://api.cometapi.com/v1", ["COMETAPI_BASE_URL", "COMETAPI_API_BASE"], ["COMETAPI_KEY", "COMETAPI_API_KEY"]),
    "minimax": ("openai", "https://api.minimax.io/v1", ["MINIMAX_API_BASE"], ["MINIMAX_API_KEY"]),
    "ovhcloud": ("openai", "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1", ["OVHCLOUD_API_BASE"], ["OVHCLOUD_API_KEY"]),
    "compactifai": ("openai", "https://api.compactif.ai/v1", [], ["COMPACTIFAI_API_KEY"]),
    "amazon_nova": ("openai", "https://api.nova.amazon.com/v1", ["AMAZON_NOVA_API_BASE"], ["AMAZON_NOVA_API_KEY"]),
    "xinference": ("openai", "http://127.0.0.1:9997/v1", ["XINFERENCE_API_BASE"], ["XINFERENCE_API_KEY"]),
    "infinity": ("openai", None, ["INFINITY_API_BASE"], ["INFINITY_API_KEY"]),
    "heroku": ("openai", None, ["HEROKU_API_BASE"], ["HEROKU_API_KEY"]),
    "baseten": ("openai", "https://inference.baseten.co/v1", ["BASETEN_API_BASE"], ["BASETEN_API_KEY"]),
    "ai21": ("openai", "https://api.ai21.com/studio/v1", ["AI21_API_BASE"], ["AI21_API_KEY"]),
}

# In OpenAI's shape although LiteLLM's own list does not say so.
ALSO_OPENAI = {"bigmodel", "gigachat", "jina_ai", "lemonade", "nadir"}

# In LiteLLM's list, but not at an endpoint that a request can be sent to as it is: their paths name an agent, or their
# credential is a token that must be fetched first.
NOT_OPENAI = {"ragflow", "gigachat", "github_copilot", "chatgpt", "opencode_go", "manus"}

# A provider's own endpoint is a chat path, to which nothing can be appended.
WHOLE_PATH = {"datarobot", "gradient_ai", "streamlake"}

# The credential's header is another than `Authorization`.
OTHER_HEADER = {"sarvam"}

asked = []
environ = type(os.environ)
get_item = environ.__getitem__


def recording(self, name):
    if isinstance(name, str) and name.isupper() and name not in asked:
        asked.append(name)
    return get_item(self, name)


environ.__getitem__ = recording


def resolve(provider, variables):
    for name in list(os.environ):
        if name.endswith(("_KEY", "_BASE", "_TOKEN", "_URL", "_ENDPOINT")):
            del os.environ[name]
    os.environ.update(variables)
    asked.clear()
    try:
        _, _, key, base = litellm.get_llm_provider(model=f"{provider}/some-model")
    except litellm.BadRequestError:
        return None, None
    return key, base


def provider_row(provider):
    if provider in ELSEWHERE:
        protocol, base, bases, keys = ELSEWHERE[provider]
        return {"speaks": protocol, "api_base": base, "base_variables": bases, "key_variables": keys}
    openai = provider in litellm.openai_compatible_providers or JSONProviderRegistry.exists(provider)
    openai = (openai or provider in ALSO_OPENAI) and provider not in NOT_OPENAI | WHOLE_PATH | OTHER_HEADER
    if not openai:
        return {"speaks": "other"}
    _, base = resolve(provider, {})
    names, bases, keys = list(asked), [], []
    for name in names:
        key_found, base_found = resolve(provider, {name: PROBE + name})
        if PROBE + name in str(base_found):
            bases.append(name)
        elif PROBE + name in str(key_found):
            keys.append(name)
    return {"speaks": "openai", "api_base": base, "base_variables": bases, "key_variables": keys}


def names_in(source, block):
    """The keys that the code reads from a block with `.get("key")`, `["key"]` or `"key" in`."""
    pattern = re.compile(block + r"""(?:\.get\(|\[)\s*["']([a-z_0-9]+)["']""")
    found = set()
    for path in source.rglob("*.py"):
        found.update(pattern.findall(path.read_text(errors="replace")))
    return found


def public(names):
    return sorted(name for name in names if name.isidentifier() and not name.startswith("_"))


def wrapped(words):
    """JSON: a list of lines, each of several words."""
    lines = textwrap.wrap(" ".join(words), 110, break_long_words=False)
    return "[\n" + ",\n".join(f"    {json.dumps(line)}" for line in lines) + "\n  ]"


def rows(table):
    """JSON with a line for each entry."""
    lines = ",\n".join(f"    {json.dumps(name)}: {json.dumps(row)}" for name, row in table.items())
    return "{\n" + lines + "\n  }"


def write(path, parts):
    body = ",\n".join(f"  {json.dumps(name)}: {text}" for name, text in parts.items())
    path.write_text("{\n" + body + "\n}\n")
    json.loads(path.read_text())


def main(target):
    listed = {getattr(provider, "value", provider) for provider in litellm.provider_list}
    listed |= set(JSONProviderRegistry.list_providers()) | set(ELSEWHERE)
    head = {"source": json.dumps(SOURCE), "generated_by": json.dumps("tests/configs/generate.py")}
    providers = {provider: provider_row(provider) for provider in sorted(listed - SIGN_IN)}
    providers |= {provider: {"speaks": "other"} for provider in SIGN_IN}
    write(target / "settings" / "models" / "providers.json", head | {"providers": rows(dict(sorted(providers.items())))})

    source = Path(litellm.__file__).parent
    keys = {
        "general_settings": set(_types.ConfigGeneralSettings.model_fields) | names_in(source, "general_settings"),
        "litellm_params": set(all_litellm_params) | set(LiteLLM_Params.model_fields),
        "model_info": set(ModelInfo.model_fields),
        "model_list": set(Deployment.model_fields),
        "request": set(OPENAI_CHAT_COMPLETION_PARAMS) | set(DEFAULT_CHAT_COMPLETION_PARAM_VALUES),
    }
    lists = {name: wrapped(public(found)) for name, found in keys.items()}
    write(target / "litellm" / "known_keys.json", head | lists)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
