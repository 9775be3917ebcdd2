"""Reads what modelgate accepted with other readers of JSON and forms: none may see another model."""

import collections
import email
import email.policy
import io
import json
import re
import sys
import urllib.parse

import python_multipart
from werkzeug.formparser import parse_form_data

RENAMED = "renamed/model 1"

# How many requests each reader could read.
read_by = collections.Counter()


def by_python_multipart(kind, body):
    pairs = []
    text = lambda value: value.decode() if value is not None else None

    def on_file(file):
        file.file_object.seek(0)
        pairs.append((text(file.field_name), file.file_object.read()))

    headers = {"Content-Type": kind, "Content-Length": str(len(body))}
    on_field = lambda field: pairs.append((text(field.field_name), field.value or b""))
    python_multipart.parse_form(headers, io.BytesIO(body), on_field, on_file)
    return pairs


def by_werkzeug(kind, body):
    environment = {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": kind,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    _, form, files = parse_form_data(environment, silent=False)
    fields = [(name, value.encode()) for name, value in form.items(multi=True)]
    return fields + [(name, file.read()) for name, file in files.items(multi=True)]


def by_email(kind, body):
    head = f"MIME-Version: 1.0\r\nContent-Type: {kind}\r\n\r\n".encode()
    message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    name = lambda part: part.get_param("name", header="content-disposition")
    return [(name(part), part.get_payload(decode=True)) for part in message.iter_parts()]


def by_urllib(_, body):
    return [(name.decode(), value) for name, value in urllib.parse.parse_qsl(body, keep_blank_values=True)]


def by_json(_, body):
    value = json.loads(body)
    return list(value.items()) if isinstance(value, dict) else []


READERS = {
    "multipart/form-data": [by_python_multipart, by_werkzeug, by_email],
    "application/x-www-form-urlencoded": [by_urllib, by_werkzeug],
}


def read(reader, kind, body):
    """The pairs that a reader sees; none where it gives up, as it then asks for nothing."""
    try:
        return reader(kind, body)
    except Exception:
        return None


def models(pairs):
    value = lambda value: value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
    return [value(v) for k, v in pairs if k is not None and re.split(r"[\[.]", k.strip().lower())[0] == "model"]


def lines_of(pairs):
    """The models in the lines of a batch."""
    purpose = [value.strip().lower() for name, value in pairs if name == "purpose"]
    if purpose not in ([], [b"batch"]):
        return
    for name, value in pairs:
        if name != "file":
            continue
        for line in value.split(b"\n"):
            try:
                yield json.loads(line)["body"]["model"]
            except (ValueError, KeyError, TypeError):
                continue


def check(case):
    """What is wrong with a case, and how many readers could read it."""
    kind = case["content_type"] or ""
    essence = kind.split(";")[0].strip().lower()
    body = bytes.fromhex(case["body"])
    could = 0
    for reader in READERS.get(essence, [by_json]):
        pairs = read(reader, kind, body)
        if pairs is None:
            continue
        could += 1
        read_by[reader.__name__] += 1
        expected = case["models"][:1] if case["in_body"] else []
        # `null` is no model, and Google's API has a prefix.
        seen = [model for model in models(pairs) if model is not None]
        if not case["replaced"] and seen not in (expected, [f"models/{model}" for model in expected]):
            yield f"{reader.__name__} sees {seen} instead of {expected}"
        if essence == "multipart/form-data" and (others := set(lines_of(pairs)) - set(case["models"])):
            yield f"{reader.__name__} sees {others} in a batch"
        if case["renamed"] is None:
            continue
        renamed = read(reader, kind, bytes.fromhex(case["renamed"]))
        if renamed is None or models(renamed) not in ([RENAMED], [f"models/{RENAMED}"]):
            yield f"{reader.__name__} does not see the deployment's model"
        rest = lambda pairs: [pair for pair in pairs if pair[0] != "model"]
        if renamed is not None and rest(renamed) != rest(pairs):
            yield f"{reader.__name__} sees more change than the model"
    if body and could == 0 and case["in_body"]:
        yield "no reader can read it"


def main():
    wrong = count = 0
    for line in sys.stdin:
        case = json.loads(line)
        count += 1
        for problem in check(case):
            wrong += 1
            print(f"{case['name']}: {problem}\n  {bytes.fromhex(case['body'])!r}")
    print(f"Python: {count} requests, {wrong} differences; read by {dict(read_by)}")
    idle = {reader for readers in READERS.values() for reader in readers if not read_by[reader.__name__]}
    sys.exit(1 if wrong or not count or idle else 0)


main()
