"""Objects from `class_path`/`init_args`: only from allowed import paths, every key and plain value checked."""

import difflib
import importlib
import inspect
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any

import torch

PREFIXES = ("pyrodgm.", "torch.nn.")
REFUSED = ("pyrodgm.cli.", "pyrodgm.data.", "pyrodgm.plots.", "pyrodgm.testing.", "pyrodgm.train.")


def build(config: Any, *, allow: Sequence[str] = (), prefixes: Sequence[str] = PREFIXES, where: str = "model") -> Any:
    """Build the object that a `class_path`/`init_args` mapping describes, arguments first.

    Args:
        config: A mapping with `class_path` and, where needed, `init_args`, nested to any depth.
        allow: Import-path prefixes allowed besides `prefixes`, such as `("mypackage.",)`.
        prefixes: The import-path prefixes allowed without asking.
        where: The place of `config` in the recipe, for messages.

    Returns:
        The object.

    Raises:
        ValueError: If a path lies outside the prefixes or leads nowhere, a key is unknown or missing, or a plain value
            has the wrong type.

    Example:
        >>> build({"class_path": "torch.nn.LeakyReLU", "init_args": {"negative_slope": 0.1}})
        LeakyReLU(negative_slope=0.1)
    """
    if not isinstance(config, Mapping) or "class_path" not in config:
        raise ValueError(f"Expected {where} to be a mapping with class_path and init_args; got {config!r}.")
    check_keys(config, ("class_path", "init_args"), where=where)
    function = resolve(config["class_path"], allow=allow, prefixes=prefixes)
    arguments = config.get("init_args") or {}
    parameters = inspect.signature(function).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        check_keys(arguments, tuple(parameters), where=f"{where} ({config['class_path']})")
    missing = [
        p.name
        for p in parameters.values()
        if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) and p.name not in arguments
    ]
    if missing:
        raise ValueError(f"Expected {', '.join(missing)} in {where} ({config['class_path']}); got {sorted(arguments)}.")
    hints = type_hints(function)
    nested = {"allow": allow, "prefixes": prefixes}
    return function(**{k: _value(v, hints.get(k, Any), where=f"{where}.{k}", **nested) for k, v in arguments.items()})


def resolve(class_path: Any, *, allow: Sequence[str] = (), prefixes: Sequence[str] = PREFIXES) -> Callable[..., Any]:
    """Return the class or function at an import path.

    It must be defined under an allowed prefix itself: a module that happens to import `os` is no way to `os.system`.

    Raises:
        ValueError: If the path lies outside the prefixes or leads to nothing that can be built.
    """
    allowed = (*prefixes, *allow)
    names = " or ".join(allowed)
    refusal = ValueError(f"Expected class_path under {names}; got {class_path!r}; pass allow=(...) to trust others.")
    if not isinstance(class_path, str) or not class_path.startswith(allowed):
        raise refusal
    module_name, _, name = class_path.rpartition(".")
    refused = tuple(prefix for prefix in REFUSED if prefix not in allowed)
    if name.startswith("_") or class_path.startswith(refused):
        raise refusal
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ValueError(f"Expected class_path of an importable module; got {class_path!r} ({error}).") from error
    found = getattr(module, name, None)
    if found is None or isinstance(found, ModuleType):
        raise ValueError(f"Expected a class or function in {module_name}; got {name!r}{nearest(name, dir(module))}.")
    home = f"{getattr(found, '__module__', '')}."
    if not callable(found) or not home.startswith(allowed) or home.startswith(refused):
        raise refusal
    if home.startswith("torch.nn.") and not (inspect.isclass(found) and issubclass(found, torch.nn.Module)):
        raise refusal
    return found


def check_keys(given: Any, known: Iterable[str], *, where: str) -> None:
    """Raise a ValueError that names the nearest known key if `given` has an unknown one."""
    known = tuple(known)
    if not isinstance(given, Mapping):
        raise ValueError(f"Expected {where} to be a mapping; got {given!r}.")
    for key in given:
        if key not in known:
            raise ValueError(f"Expected a key of {where}; got {key!r}{nearest(key, known)}. Known: {', '.join(known)}.")


def nearest(name: Any, known: Iterable[str]) -> str:
    """Return `; did you mean '...'?` for the known name nearest to `name`, or nothing."""
    found = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.4)
    return f"; did you mean {found[0]!r}?" if found else ""


def type_hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the type hints of a function or of a class's constructor; empty where they cannot be read."""
    try:
        return typing.get_type_hints(function.__init__ if inspect.isclass(function) else function)  # type: ignore[misc]
    except (NameError, TypeError, AttributeError):
        return {}


def plain_value(value: Any, hint: Any, *, where: str) -> Any:
    """Check and convert a plain value (number, text, list) against a type hint; unreadable hints pass it on.

    Raises:
        ValueError: If the value does not fit the hint.
    """
    from jsonargparse import ArgumentError, ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    try:
        parser.add_argument("--value", type=hint)
    except ValueError:  # a hint that jsonargparse does not know
        return value
    try:
        return parser.parse_object({"value": value}).value
    except ArgumentError as error:
        hint_name = getattr(hint, "__name__", None) if inspect.isclass(hint) else str(hint).replace("typing.", "")
        raise ValueError(f"Expected {where} to be of type {hint_name}; got {value!r}.") from error


def _value(value: Any, hint: Any, *, where: str, allow: Sequence[str], prefixes: Sequence[str]) -> Any:
    if isinstance(value, Mapping):
        if "class_path" in value:
            return build(value, allow=allow, prefixes=prefixes, where=where)
        return {k: _value(v, Any, where=f"{where}.{k}", allow=allow, prefixes=prefixes) for k, v in value.items()}
    if isinstance(value, str) and _takes_callable(hint):
        return resolve(value, allow=allow, prefixes=prefixes)
    if isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
        return tuple(_value(v, Any, where=f"{where}[{i}]", allow=allow, prefixes=prefixes) for i, v in enumerate(value))
    if hint is not Any:
        value = plain_value(value, hint, where=where)
    return tuple(value) if isinstance(value, list) and typing.get_origin(hint) is not list else value


def _takes_callable(hint: Any) -> bool:
    origin = typing.get_origin(hint)
    if origin is type or hint is type or origin is Callable or hint is Callable:
        return True
    return any(_takes_callable(option) for option in typing.get_args(hint)) if origin is not None else False
