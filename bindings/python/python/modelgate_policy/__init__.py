"""Decides LLM requests by the role permissions of a LiteLLM configuration.

    from modelgate_policy import Rules

    rules = Rules.from_file("config.yaml")
    decision = rules.decide("/v1/chat/completions", token=token, body=body)
    if not decision:
        return Response(decision.response_body, decision.status, dict(decision.response_headers))

The decisions are those of `modelgate serve`. Messages go to the logger `modelgate` of `logging`.
"""

from ._native import ConfigError, Decision
from ._rules import Rules, Status

__all__ = ["ConfigError", "Decision", "Rules", "Status"]
