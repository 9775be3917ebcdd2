"""Arguments for a function, made from its signature: what it requires, and every member that names a model or what stands for one."""

import collections.abc
import datetime
import enum
import inspect
import io
import re
import types
import typing

from pydantic import BaseModel

# What a member must be called to be given although it is optional.
NAMES_A_MODEL = re.compile(r"(^|_)models?($|_id$|_name$)|^(agent|assistant)(_id)?$|^deployment_name$")
SIMPLE = {str: "x", bool: True, int: 1, float: 1.0, bytes: b"x"}
DEPTH = 8
# What tells the members of a union apart, given although it may be optional.
TELLS_KIND = {"object", "protocol", "role", "status", "type"}


class Unknown(Exception):
    """A type that no value is made for."""


def for_function(function, own):
    """Keyword arguments for `function`; those in `own` are taken as they are."""
    function = with_parameters(function)
    hints = resolve(function)
    made = dict(own)
    for parameter in inspect.signature(function).parameters.values():
        name = parameter.name
        is_open = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        is_required = parameter.default in (parameter.empty, ...)
        if name in made or is_open or not (is_required or NAMES_A_MODEL.search(name)):
            continue
        try:
            made[name] = value(hints.get(name, parameter.annotation), name)
        except Unknown:
            if is_required:
                raise
    return made


def with_parameters(method):
    """The method itself or, where it only passes its arguments on, the one of a base class that names them."""
    owner, name = getattr(method, "__self__", None), getattr(method, "__name__", "")
    for kind in type(owner).__mro__ if owner is not None else []:
        function = vars(kind).get(name)
        if function and any(p.kind == p.KEYWORD_ONLY or p.kind == p.POSITIONAL_OR_KEYWORD and p.name != "self"
                            for p in inspect.signature(function).parameters.values()):
            return function.__get__(owner)
    return method


def resolve(function):
    """Type hints, one by one where some cannot be resolved."""
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception:
        return {}


def value(hint, name, depth=0):
    """The plainest value of a type. Strings tell the name of their member, so that they are found again."""
    if hint in SIMPLE:
        return f"x-{name}" if hint is str else SIMPLE[hint]
    if depth > DEPTH:
        raise Unknown(name)
    if isinstance(hint, str):
        return f"x-{name}"
    origin, of = typing.get_origin(hint), typing.get_args(hint)
    if hint is typing.Any or hint is inspect.Parameter.empty or isinstance(hint, typing.TypeVar):
        return f"x-{name}"
    if origin in (typing.Annotated, typing.Required, typing.NotRequired, typing.ClassVar):
        return value(of[0], name, depth)
    if origin is typing.Literal:
        return of[0]
    if origin in (typing.Union, types.UnionType):
        return of_union(of, name, depth)
    if hasattr(hint, "__value__"):
        return value(hint.__value__, name, depth)
    if hasattr(origin, "__value__"):
        return value(origin.__value__[of], name, depth)
    if origin is not None and isinstance(origin, type):
        return of_generic(origin, of, name, depth)
    return of_class(hint, name, depth)


def of_union(members, name, depth):
    """The first of the plainest that can be made. A file rather than a path, a model's name rather than its description."""
    order = sorted(members, key=lambda hint: (rank(hint), members.index(hint)))
    for member in order:
        if member is type(None) or re.search(r"Omit|NotGiven|Unset", getattr(member, "__name__", "")):
            continue
        try:
            return value(member, name, depth)
        except Unknown:
            continue
    raise Unknown(name)


def rank(hint):
    if hint is str:
        return 0
    if hint in SIMPLE or typing.get_origin(hint) is typing.Literal:
        return 1
    if isinstance(hint, type) and (typing.is_typeddict(hint) or issubclass(hint, (enum.Enum, io.IOBase))):
        return 2
    return 3


def of_generic(origin, of, name, depth):
    if origin is tuple:
        return tuple(value(one, name, depth + 1) for one in of if one is not ...)
    if issubclass(origin, (str, bytes)):
        return f"x-{name}"
    if issubclass(origin, collections.abc.Mapping):
        return {}
    if issubclass(origin, collections.abc.Iterable):
        return [value(of[0], name, depth + 1)] if of else []
    if issubclass(origin, type):
        return of[0]
    return value(of[0], name, depth + 1)


def of_class(hint, name, depth):
    if typing.is_typeddict(hint) or hasattr(hint, "__required_keys__"):
        return members(resolve(hint), lambda key, _: key in hint.__required_keys__, depth)
    if not isinstance(hint, type):
        raise Unknown(f"{name}: {hint}")
    if issubclass(hint, BaseModel):
        required = {key for key, field in hint.model_fields.items() if field.is_required()}
        return members(resolve(hint), lambda key, _: key in required, depth)
    if issubclass(hint, enum.Enum):
        return next(iter(hint)).value
    if issubclass(hint, datetime.datetime):
        return datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    if issubclass(hint, datetime.date):
        return datetime.date(2026, 1, 1)
    if issubclass(hint, (io.IOBase, typing.IO)):
        return io.BytesIO(b"x")
    if issubclass(hint, collections.abc.Mapping):
        return {}
    if issubclass(hint, collections.abc.Iterable):
        return []
    raise Unknown(f"{name}: {hint}")


def members(hints, is_required, depth):
    made = {}
    for key, hint in hints.items():
        if key.startswith("_") or "ClassVar" in str(hint):
            continue
        if is_required(key, hint) or NAMES_A_MODEL.search(key) or key in TELLS_KIND and "Literal" in str(hint):
            try:
                made[key] = value(hint, key, depth + 1)
            except Unknown:
                if is_required(key, hint):
                    raise
    return made
