"""Sharing a trained model: `model.safetensors` and `config.json`, no pickled code."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pyrodgm import models
from pyrodgm.likelihood_free import GAN
from pyrodgm.train.build import build
from pyrodgm.train.files import read_json, write_json, write_whole

Exported = models.Model | GAN
WEIGHTS, CONFIG, FORMAT = "model.safetensors", "config.json", "pyrodgm model 1"


def export(model_config: Mapping[str, Any], model: Exported, folder: str | Path) -> Path:
    """Write a model for sharing: its parameters and the constructor calls that make it.

    Args:
        model_config: `class_path` and `init_args` of the model, as in a recipe.
        model: The trained model.
        folder: Receives `model.safetensors` and `config.json`, each whole or not at all.

    Returns:
        The folder.

    Example:
        >>> import tempfile
        >>> config = {"class_path": "pyrodgm.models.vae", "init_args": {"input_dim": 4, "latent_dim": 2}}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     load(export(config, build(config), folder)).event_shape
        torch.Size([4])
    """
    folder = Path(folder)
    dtype = next((p.dtype for p in model.parameters()), torch.get_default_dtype())
    save_weights(model, folder / WEIGHTS)
    write_json(folder / CONFIG, {"format": FORMAT, "dtype": str(dtype).removeprefix("torch."), "model": model_config})
    return folder


def load(folder: str | Path, *, allow: Sequence[str] = ()) -> Exported:
    """Rebuild an exported model; executes nothing but the constructors that its `config.json` names.

    Args:
        folder: Where `export` (or `pyrodgm fit`) wrote to.
        allow: Import-path prefixes trusted besides `pyrodgm.` and `torch.nn.`, such as `("mypackage.",)`.

    Returns:
        The model, in evaluation mode.

    Raises:
        ValueError: If a file is absent or torn, a class lies outside the allowed paths, or the parameters do not fit.
    """
    folder = Path(folder)
    if not (folder / CONFIG).is_file():
        raise ValueError(
            f"Expected a file {CONFIG} in {folder}; got none: the run is not finished, or was fitted without a model "
            'configuration. Finish it, or pass config={"model": ...} to fit.'
        )
    config = read_json(folder / CONFIG)
    if not isinstance(config, dict) or config.get("format") != FORMAT or not isinstance(config.get("model"), dict):
        raise ValueError(f"Expected {folder / CONFIG} in the format {FORMAT!r}; got {str(config)[:80]}.")
    dtype = getattr(torch, str(config.get("dtype")), None)
    if not isinstance(dtype, torch.dtype):
        raise ValueError(f"Expected a dtype such as float32 in {folder / CONFIG}; got {config.get('dtype')!r}.")
    with torch.random.fork_rng(devices=[]):
        model = build(config["model"], allow=allow)
    if not isinstance(model, Exported):
        raise ValueError(f"Expected {folder / CONFIG} to make a model; got {type(model).__name__}.")
    load_weights(model.to(dtype), folder / WEIGHTS)
    return model.eval()


def save_weights(model: torch.nn.Module, path: str | Path) -> Path:
    """Write a module's state as safetensors, whole or not at all."""
    from safetensors.torch import save

    state = {name: value.detach().cpu().contiguous().clone() for name, value in model.state_dict().items()}
    content = save(state)
    return write_whole(path, lambda file: file.write(content))


def load_weights(model: torch.nn.Module, path: str | Path) -> None:
    """Read a module's state from safetensors, in place.

    Raises:
        ValueError: If the file is absent or torn, or names and shapes differ from the module's.
    """
    path = Path(path)
    state = read_weights(path)
    own = model.state_dict()
    wrong = [f"no {name}" for name in own if name not in state]
    wrong += [f"an unknown {name}" for name in state if name not in own]
    wrong += [
        f"{name} of shape {tuple(state[name].shape)} for {tuple(own[name].shape)}"
        for name in own
        if name in state and own[name].shape != state[name].shape
    ]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise ValueError(
            f"Expected in {path} the parameters of the model in its configuration; got {', '.join(wrong[:3])}{more}."
        )
    model.load_state_dict(state)


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read a safetensors file.

    Raises:
        ValueError: If the file is absent or torn.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load as parse

    path = Path(path)
    if not path.is_file():
        raise ValueError(f"Expected a file {path.name} in {path.parent}; got none.")
    content = path.read_bytes()
    try:
        return parse(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise ValueError(
            f"Expected complete safetensors in {path}; got a torn or foreign file of {len(content)} bytes ({error})."
        ) from error
