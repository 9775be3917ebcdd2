"""Calls every method of the clients, and writes what each sends: `record.py RECORDING UNDRIVEN`."""

import asyncio
import inspect
import json
import re
import sys
import threading
import time
from email import message_from_bytes
from urllib.parse import parse_qsl, unquote, urlsplit

import arguments
import clients
from recorder import Recorder

SECONDS = 4
ABANDONED = set()
HEADERS = re.compile(
    r"^(authorization|(x-|x-goog-)?api-key|anthropic-(version|beta)|openai-beta|content-encoding|upgrade"
    r"|x-goog-upload-(protocol|command)|sec-websocket-protocol)$"
)
MADE = re.compile(r"x-([A-Za-z_]+)")


def calls(resource, package, path=(), kinds=()):
    """Each method of a client, with its dotted name."""
    for name in sorted(dir(resource)):
        if name.startswith("_") or name.endswith("_async") or name in clients.GENERIC | {"aio"}:
            continue
        if not path and name in clients.AT_THE_ROOT and package not in ("ollama",):
            continue
        try:
            member = getattr(resource, name)
        except Exception:
            continue
        if inspect.ismethod(member) or inspect.isfunction(member):
            yield ".".join((*path, name)), member
        elif is_resource(member, package) and type(member) not in kinds:
            yield from calls(member, package, (*path, name), (*kinds, type(member)))


def is_resource(member, package):
    kind = type(member)
    return kind.__module__.split(".")[0] == package and not hasattr(kind, "model_fields") and hasattr(member, "__dict__")


def drive(function, made):
    """Calls, and takes what the result gives."""
    result = function(**made)
    if inspect.iscoroutine(result):
        asyncio.run(result)
    elif hasattr(result, "__enter__"):
        with result as entered:
            take(entered)
    else:
        take(result)


def take(result):
    if hasattr(result, "__next__") or inspect.isgenerator(result):
        for _ in range(3):
            if next(result, None) is None:
                return


def within_time(function, made):
    """The error of a call, if it had one."""
    errors = []

    def run():
        try:
            drive(function, made)
        except BaseException as error:  # The client may even exit.
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(SECONDS)
    if thread.is_alive():
        ABANDONED.add(thread.ident)
    return errors[0] if errors else None


def short_sleep(_seconds, sleep=time.sleep):
    """Ends what still polls when its time is over, so that its requests are not taken for the next call's."""
    if threading.get_ident() in ABANDONED:
        raise SystemExit
    sleep(0.01)


def line(client, call, request):
    """What is kept of a request: nothing that differs from run to run."""
    parts = urlsplit(request["target"])
    query = parse_qsl(parts.query, keep_blank_values=True)
    path = MADE.sub(r"{\1}", unquote(parts.path))
    kind = request["headers"].get("content-type", "").split(";")[0]
    places = ["path"] if re.search(r"\{[a-z_]*model[a-z_]*\}", path) else []
    places += [f"query:{key}" for key, value in query if names_a_model(key, value)]
    places += body_places(kind, request)
    headers = sorted(name for name in request["headers"] if HEADERS.match(name))
    return {
        "client": client, "call": call, "method": request["method"], "path": path,
        "query": sorted({key for key, _ in query}), "headers": headers, "type": kind, "named": sorted(set(places)),
    }


def names_a_model(key, value):
    return bool(arguments.NAMES_A_MODEL.search(snake(key))) and "x-" in str(value)


def snake(key):
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).lower()


def body_places(kind, request):
    body = request["body"]
    if kind == "application/x-www-form-urlencoded":
        return [f"form:{key}" for key, value in parse_qsl(body.decode()) if names_a_model(key, value)]
    if kind == "multipart/form-data":
        return list(form_places(request["headers"]["content-type"], body))
    try:
        return [f"body:{place}" for place in json_places(json.loads(body))]
    except ValueError:
        return []


def json_places(value, path=""):
    if isinstance(value, dict):
        for key, member in value.items():
            here = f"{path}.{key}" if path else key
            if isinstance(member, str) and names_a_model(key, member):
                yield here
            yield from json_places(member, here)
    elif isinstance(value, list):
        for member in value:
            if isinstance(member, str) and names_a_model(path.rpartition(".")[2], member):
                yield f"{path}[]"
            yield from json_places(member, f"{path}[]")


def form_places(kind, body):
    form = message_from_bytes(b"content-type: " + kind.encode() + b"\r\n\r\n" + body)
    for part in form.get_payload() if form.is_multipart() else []:
        name = part.get_param("name", header="content-disposition")
        text = part.get_payload(decode=True) or b""
        if names_a_model(name, text.decode(errors="replace")):
            yield f"form:{name}"
        try:
            yield from (f"form:{name}.{place}" for place in json_places(json.loads(text)))
        except ValueError:
            pass


def main(recording, undriven):
    time.sleep = short_sleep
    recorder = Recorder()
    lines, missed = {}, []
    for client, (root, package) in clients.all_of(recorder.base).items():
        extra = clients.EXTRA.get(client, {})
        found = [*calls(root, package), *((name, lambda f=f: f(root)) for name, f in extra.items())]
        for call, function in found:
            reason = record(recorder, client, call, function, lines)
            if reason:
                missed.append(f"{client} {call}: {reason}")
    with open(recording, "w") as file:
        file.writelines(f"{text}\n" for text in sorted(lines))
    with open(undriven, "w") as file:
        file.writelines(f"{text}\n" for text in sorted(missed))


def record(recorder, client, call, function, lines):
    """Notes what a call sends, or says why it sends nothing."""
    recorder.take()
    try:
        made = arguments.for_function(function, clients.own_arguments(client, call))
    except arguments.Unknown as unknown:
        return f"no argument can be made for {unknown}"
    error = within_time(function, made)
    requests = recorder.take()
    for request in requests:
        text = json.dumps(line(client, call, request))
        lines[text] = None
    if not requests:
        return re.sub(r"\s+", " ", f"{type(error).__name__}: {error}" if error else "it sends nothing")[:160]
    return None


if __name__ == "__main__":
    main(*sys.argv[1:])
