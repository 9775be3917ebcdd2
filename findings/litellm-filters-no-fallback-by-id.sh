#!/usr/bin/env bash
# litellm 1.110.2 (PyPI): the hook `async_filter_deployments` is not asked about a fallback that names a deployment by its id.
#
# The router asks it before each attempt, with the name of the model, also for a fallback by name. A fallback may be an id of
# `model_info` too. Then the router returns the deployment before the hook. `async_pre_call_deployment_hook` is asked about both, with
# the fallback as `model_group` in the metadata. Seen on 2026-11-29; fails when the first hook is asked.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q install --disable-pip-version-check litellm==1.110.2
LITELLM_LOCAL_MODEL_COST_MAP=True "$work/venv/bin/python" - <<'PY'
import asyncio

import litellm
from litellm.integrations.custom_logger import CustomLogger

filtered, called = [], []


class Hooks(CustomLogger):
    async def async_filter_deployments(
        self, model, healthy_deployments, messages, request_kwargs=None, parent_otel_span=None
    ):
        filtered.append(model)
        return healthy_deployments

    async def async_pre_call_deployment_hook(self, kwargs, call_type):
        called.append(kwargs["metadata"]["model_group"])


litellm.callbacks = [Hooks()]


def deployment(name, **info):
    params = {"model": f"openai/{name}", "api_key": "sk-1", "mock_response": "hi"}
    return {"model_name": name, "litellm_params": params, "model_info": info}


async def ask(fallback):
    filtered.clear()
    called.clear()
    models = [deployment("first", id="id-of-first"), deployment("second", id="id-of-second")]
    router = litellm.Router(model_list=models, fallbacks=[{"first": [fallback]}], num_retries=0)
    messages = [{"role": "user", "content": "hello"}]
    answer = await router.acompletion(model="first", messages=messages, mock_testing_fallbacks=True)
    assert answer.choices[0].message.content == "hi"
    return list(filtered), list(called)


by_name, by_id = asyncio.run(ask("second")), asyncio.run(ask("id-of-second"))
print("by name:", by_name, "by id:", by_id)
assert "second" in by_name[0] and "second" in by_name[1]
assert "id-of-second" not in by_id[0] and "id-of-second" in by_id[1]
PY
