"""Recipes: YAML in, overrides from the command line on top, one plain dictionary out."""

import inspect
import os
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from pyrodgm.train.build import check_keys, nearest, resolve

SECTIONS = ("description", "seed", "data", "model", "training", "trainer")


class _Loader(yaml.SafeLoader):
    """YAML 1.2 floats: `1e-3` is a number."""


_Loader.yaml_implicit_resolvers = {k: list(v) for k, v in yaml.SafeLoader.yaml_implicit_resolvers.items()}
_FLOAT = re.compile(r"^[-+]?(?:\d+(?:\.\d*)?|\.\d+)[eE][-+]?\d+$")
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))


def parse_yaml(text: str) -> Any:
    """Parse YAML; only plain values.

    Raises:
        ValueError: If the text is no YAML.

    Example:
        >>> parse_yaml("lr: 1e-3")
        {'lr': 0.001}
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ValueError(f"Expected YAML; got {' '.join(str(error).split())}.") from error


def format_yaml(config: Mapping[str, Any]) -> str:
    """Return a configuration as YAML text, keys in their order."""
    return yaml.safe_dump(dict(config), sort_keys=False, width=120)


def read_config(path: str | Path) -> dict[str, Any]:
    """Read a recipe or the resolved configuration of a run.

    Raises:
        ValueError: If the file is absent or no YAML, a section is unknown, or data or model is missing.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"Expected a YAML file; got {path}, which does not exist.")
    config = parse_yaml(path.read_text())
    check_keys(config, SECTIONS, where=f"the recipe {path.name}")
    missing = [section for section in ("data", "model") if section not in config]
    if missing:
        raise ValueError(f"Expected sections data and model in {path.name}; got no {' and no '.join(missing)}.")
    for section in ("training", "trainer"):
        config[section] = config.get(section) or {}
    config["seed"] = config.get("seed", 0)
    return config


def find_recipes() -> dict[str, Path]:
    """Return the recipes at hand by name: those in `./recipes`, else those beside the package."""
    for folder in (Path("recipes"), Path(__file__).parents[2] / "recipes"):
        if found := sorted(folder.glob("*.yaml")):
            return {path.stem: path for path in found}
    return {}


def find_recipe(name: str) -> Path:
    """Return the path of a recipe given by path or by bare name.

    Raises:
        ValueError: If there is none; the nearest name is suggested.
    """
    if Path(name).is_file():
        return Path(name)
    recipes = find_recipes()
    if name not in recipes:
        raise ValueError(
            f"Expected a recipe (a YAML file or a name of `pyrodgm recipes`); got {name!r}{nearest(name, recipes)}."
        )
    return recipes[name]


def override(config: Mapping[str, Any], arguments: Sequence[str]) -> dict[str, Any]:
    """Return a copy of a configuration with `--a.b value` (or `--a.b=value`) arguments put in.

    Inside a section with a `class_path`, `init_args` may be left out: `--data.root DIR` is `--data.init_args.root DIR`.

    Raises:
        ValueError: If an argument is no `--key value` or its section is unknown.
    """
    result = deepcopy(dict(config))
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        key, equals, text = argument.removeprefix("--").partition("=")
        if not argument.startswith("--") or not key:
            raise ValueError(f"Expected an override such as --training.lr 1e-3; got {argument!r}.")
        if not equals:
            if not rest:
                raise ValueError(f"Expected a value after {argument}; got nothing.")
            text = rest.pop(0)
        *parents, last = key.split(".")
        check_keys({(parents[0] if parents else last): None}, SECTIONS, where="the recipe")
        node = result
        for step, name in enumerate([*parents, last]):
            if "class_path" in node and name not in ("class_path", "init_args"):
                node = _section(node, "init_args", key)
            if step == len(parents):
                node[name] = parse_yaml(text)
            else:
                node = _section(node, name, key)
    return result


def _section(node: dict[str, Any], name: str, key: str) -> dict[str, Any]:
    """Return the section of a name, made where it is absent or left empty."""
    if node.get(name) is None:
        node[name] = {}
    if not isinstance(node[name], dict):
        raise ValueError(f"Expected a section at {name} in --{key}; got {node[name]!r} there.")
    return node[name]  # type: ignore[no-any-return]


def with_data_root(config: Mapping[str, Any], root: str | None = None) -> dict[str, Any]:
    """Return a copy whose readers take `root`, else the environment variable PYRODGM_DATA, else what they have.

    Readers inside others' `init_args` are reached too.
    """
    result = deepcopy(dict(config))
    if root := root or os.environ.get("PYRODGM_DATA"):
        _put_root(result["data"], root)
    return result


def _put_root(node: Any, root: str) -> None:
    """Give a root to every reader that takes one, in place."""
    if isinstance(node, list):
        for item in node:
            _put_root(item, root)
    elif isinstance(node, dict):
        for item in node.values():
            _put_root(item, root)
        arguments = node.get("init_args") or {}
        if isinstance(arguments, dict) and _takes_root(node.get("class_path")):
            node["init_args"] = {**arguments, "root": root}


def _takes_root(class_path: Any) -> bool:
    try:
        return "root" in inspect.signature(resolve(class_path, prefixes=("pyrodgm.data.",))).parameters
    except ValueError:  # no reader; said where it is built
        return False
