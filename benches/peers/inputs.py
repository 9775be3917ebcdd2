"""What all peers get: the programs, the upstream's answer, the request and the tokens."""

import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from harness import HERE

ROOT = HERE.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
SCRATCH = TARGET / "peers"

MODEL, OTHER_MODEL, ROLE, KEY = "anthropic-claude", "openai-gpt-4o", "basic_user", "sk-peers"
ISSUER, AUDIENCE = "https://login.example.com/tenant/v2.0", "00000000-0000-0000-0000-000000000000"
TOKENS = 20_000
# More than a peer that decides serves in `NEW_SECONDS`, so that each request has a token that nobody has sent before.
NEW_TOKENS, NEW_SECONDS = 150_000, 4.0
BODY_BYTES, ANSWER_BYTES = 450, 500


def padded(value: dict, text: list, size: int) -> str:
    """The value as JSON of so many bytes; `text` is the object whose `content` grows."""
    words = "What does a gateway cost, and who pays for it? "
    text[0]["content"] = ""
    left = size - len(json.dumps(value))
    text[0]["content"] = (words * (left // len(words) + 1))[:left]
    return json.dumps(value)


def body(model: str) -> str:
    message = {"role": "user", "content": ""}
    value = {"model": model, "messages": [message], "max_tokens": 256, "temperature": 0.2}
    return padded(value, [message], BODY_BYTES)


def answer() -> str:
    message = {"role": "assistant", "content": ""}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 80, "completion_tokens": 60, "total_tokens": 140}
    value = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": MODEL,
             "choices": [choice], "usage": usage}
    return padded(value, [message], ANSWER_BYTES)


def packages(*names: str) -> None:
    """Installs Debian's packages whose programs are missing."""
    missing = [name for name in names if not (shutil.which(name) or Path(f"/usr/sbin/{name}").exists())]
    if missing:
        subprocess.run(["apt-get", "install", "--yes", "--quiet", *missing], check=True)


@functools.cache
def venv(name: str, *requirements: str) -> Path:
    """The folder of programs of a virtual environment that has the packages."""
    folder = SCRATCH / name
    complete = folder / "complete"
    if not complete.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
        subprocess.run(pip, check=True)
        complete.touch()
    return folder / "bin"


@functools.cache
def tokens(algorithm: str = "RS256") -> Path:
    """The folder of the key and of what was signed with it; made once, since so many signatures take minutes."""
    folder = SCRATCH / ("tokens" if algorithm == "RS256" else f"tokens-{algorithm}")
    if not (folder / "new").exists():
        python = venv("signing", "cryptography") / "python"
        signing = [python, HERE / "tokens.py", folder, ISSUER, AUDIENCE, ROLE, str(TOKENS), str(NEW_TOKENS), algorithm]
        subprocess.run(signing, check=True)
    return folder


@functools.cache
def built(kind: str, name: str) -> Path:
    """A program of this repository, built with `--profile dist`; `kind` is `bin` or `bench`."""
    build = ["cargo", "build", "--profile", "dist", "--locked", f"--{kind}", name, "--message-format", "json"]
    messages = subprocess.run(build, check=True, stdout=subprocess.PIPE, cwd=ROOT, text=True).stdout
    for message in map(json.loads, messages.splitlines()):
        if message.get("executable") and message["target"]["name"] == name:
            return Path(message["executable"])
    raise SystemExit(f"cargo built no {name}")
