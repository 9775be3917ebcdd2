"""What a configuration of 100,000 models, teams and roles costs, beside one of ten."""

import argparse
import json
import sys
import time
from pathlib import Path

import inputs
from peers import MODELGATE, Peer, modelgate_env, serve
from reload import block
from table import table
from targets import Report, at_most
from throughput import check, load

SIZES = {10: 10, 100_000: 10_000}
FILES = 100
MOST_SECONDS, FLAT, MOST_MIB = 2, 1.2, 400
# Decisions are kept by everything that policies read. So many values of `max_tokens` in turn are more than are kept.
LIMITS = 20_000
DECISIONS = ["kept", "new"]


def large(_: list[Peer], upstream: int, chosen: argparse.Namespace) -> Report:
    """100,000 models, teams and roles, and 10,000 policies in 100 files; the round with the least processor time counts"""
    peers = {size: Peer(f"modelgate {size:,}", of(size), MODELGATE.version, "tokens", modelgate_env) for size in SIZES}
    bodies = {"kept": None, "new": with_limits()}
    cpu_us: dict[tuple[int, str], float] = {}
    starts: dict[int, float] = {}
    peak: dict[int, float] = {}
    for _ in range(chosen.rounds):
        for size, peer in peers.items():
            folder_of(size, upstream)
            begun = time.perf_counter()
            with peer.start(upstream) as running:
                check(peer, running)
                seconds = time.perf_counter() - begun
                starts[size] = min(seconds, starts.get(size, seconds))
                for decisions in DECISIONS:
                    seen = load(peer, running, "one", chosen.seconds, bodies[decisions])
                    print(f"{peer.name}, {decisions} decisions: {seen}", file=sys.stderr)
                    cpu_us[size, decisions] = min(seen.cpu_us, cpu_us.get((size, decisions), seen.cpu_us))
                bytes = running.memory("VmHWM")
                peak[size] = min(bytes, peak.get(size, bytes))
    rows = [[f"{size:,} models, teams and roles, {policies:,} policies", f"{starts[size]:.2f}",
             *(f"{cpu_us[size, decisions]:.1f}" for decisions in DECISIONS), f"{peak[size] / 2**20:,.1f}"] for size, policies in SIZES.items()]
    small, most = SIZES
    what = f"{most:,} models, teams and roles, {SIZES[most]:,} policies"
    verdicts = [at_most(f"{what}: start to first answers", starts[most], MOST_SECONDS, "s")]
    for decisions in DECISIONS:
        ours, theirs = cpu_us[most, decisions], cpu_us[small, decisions]
        verdicts.append(at_most(f"{what}: CPU per request, {decisions} decisions", ours / theirs, FLAT, f"of {small}",
                                note=f"{ours:.1f} of {theirs:.1f} µs"))
    verdicts.append(at_most(f"{what}: peak memory", peak[most] / 2**20, MOST_MIB, "MiB", 1))
    head = ["", "first answers s", *(f"CPU µs/request, {decisions} decisions" for decisions in DECISIONS), "peak MiB"]
    return table(head, rows, chosen.markdown), verdicts


def of(size: int):
    return lambda place: serve(place, folder_of(size, place.upstream) / "config.yaml")


def folder_of(size: int, upstream: int) -> Path:
    """The folder of a configuration, which is written once for each upstream."""
    folder = inputs.SCRATCH / f"run/large-{size}"
    written = folder / "upstream"
    if not written.exists() or written.read_text() != str(upstream):
        (folder / "policies").mkdir(parents=True, exist_ok=True)
        (folder / "config.yaml").write_text(block(config(size, upstream)) + "\n")
        for number, text in enumerate(policies(SIZES[size])):
            (folder / f"policies/{number:03d}.cedar").write_text(text)
        written.write_text(str(upstream))
    return folder


def config(size: int, upstream: int) -> dict:
    """The caller's role and team are the last ones, and each has a model that no other has."""
    others = range(size - 1)
    params = {"model": "openai/gpt-4o", "api_base": f"http://127.0.0.1:{upstream}/v1"}
    names = [*(f"model-{number}" for number in others), inputs.MODEL]
    # The claim `oid` of the token.
    teams = [*(f"team-{number}" for number in others), f"{0:036d}"]
    roles = [*(f"role-{number}" for number in others), inputs.ROLE]
    return {
        "general_settings": {
            "enable_jwt_auth": True,
            "litellm_jwtauth": {"roles_jwt_field": "roles", "team_id_jwt_field": "oid", "enforce_rbac": True},
        },
        "teams": [{"team_id": team, "models": [name]} for team, name in zip(teams, names)],
        "model_list": [{"model_name": name, "litellm_params": params} for name in [*names, inputs.OTHER_MODEL]],
        "modelgate": {"policies": "policies",
                      "role_permissions": [{"role": role, "models": [name]} for role, name in zip(roles, names)]},
    }


def policies(count: int) -> list[str]:
    """The texts of the files. One policy reads what each request may have anew, and is about the model that is asked for."""
    about = [*(f"model-{number}" for number in range(count - 1)), inputs.MODEL]
    lines = [f'forbid (principal, action == Action::"use_model", resource == Model::"{model}")\n'
             'when { context has max_tokens && context.max_tokens > 1000000 };\n' for model in about]
    return ["".join(lines[start::FILES]) for start in range(min(FILES, count))]


def with_limits() -> Path:
    """A file of bodies that differ in `max_tokens`."""
    file = inputs.SCRATCH / "limits.json"
    one = json.loads(inputs.body(inputs.MODEL))
    file.write_text("".join(json.dumps(one | {"max_tokens": 1 + number}) + "\n" for number in range(LIMITS)))
    return file
