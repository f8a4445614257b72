"""A network for features from a file of one's own."""

import os
import pickle
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn


def load_feature_net(path: str | os.PathLike[str], net: nn.Module | None = None) -> nn.Module:
    """Load a network for :func:`features` from a file: for the Frechet inception distance, your own Inception weights.

    Without ``net`` the file is a TorchScript archive, network and weights in one. With ``net`` it holds the weights
    of that module: a ``.safetensors`` file, or a state dictionary by ``torch.save``, which is read with
    ``weights_only=True``. No Python code in the file is run. A TorchScript archive is a program of torch operations
    all the same: take it from someone you trust.

    The distance of the literature needs the very weights of its authors, features of the last pooling layer (2,048
    of them) and pictures of 299 x 299 pixels in [-1, 1]; do the resizing in ``preprocess`` of :func:`features`.

    Args:
        path: The file.
        net: A module to take the weights; changed in place.

    Returns:
        The network in evaluation mode, its parameters without gradients.

    Raises:
        ValueError: If there is no such file, it is of another kind, or the weights are not those of ``net``.
        ImportError: If safetensors is needed and absent.

    Example:
        >>> import tempfile
        >>> from pyrodgm import metrics
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     torch.save(torch.nn.Linear(6, 4).state_dict(), f"{folder}/net.pt")
        ...     metrics.load_feature_net(f"{folder}/net.pt", torch.nn.Linear(6, 4))
        Linear(in_features=6, out_features=4, bias=True)
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"Expected a file of a network at {path}; got none. Put your own file there.")
    loaded = script(path) if net is None else with_weights(net, path)
    for parameter in loaded.parameters():
        parameter.requires_grad_(False)
    return loaded.eval()


def with_weights(net: nn.Module, path: Path) -> nn.Module:
    """Return the module with the weights in a file, or raise if they are another's."""
    try:
        net.load_state_dict(weights(path))
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[:3]]
        raise ValueError(
            f"Expected the weights of {type(net).__name__} in {path.name}; got others: {' '.join(lines)} Build the "
            "module that they were saved from."
        ) from error
    return net


def script(path: Path) -> nn.Module:
    """Read a TorchScript archive."""
    with warnings.catch_warnings():  # torch wants torch.export instead, whose files are not what people have
        warnings.filterwarnings("ignore", message=".*torch.jit.load", category=DeprecationWarning)
        try:
            return torch.jit.load(path, map_location="cpu")
        except RuntimeError as error:
            raise ValueError(
                f"Expected a TorchScript archive at {path}; got another file. For a file of weights give the module "
                "too: load_feature_net(path, net)."
            ) from error


def weights(path: Path) -> dict[str, Tensor]:
    """Read a state dictionary.

    Raises:
        ValueError: If the file holds something else.
        ImportError: If safetensors is absent.
    """
    message = f"Expected a state dictionary at {path}; got %s. Save one: torch.save(net.state_dict(), path)."
    if path.suffix == ".safetensors":
        try:
            from safetensors import SafetensorError
            from safetensors.torch import load_file
        except ImportError as error:
            raise ImportError('Files of safetensors need that package; pip install "pyrodgm[train]".') from error
        try:
            return load_file(path)
        except SafetensorError as error:
            raise ValueError(message % "a damaged file") from error
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(message % "another file") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(message % f"a {type(state).__name__} of other things")
    return state
