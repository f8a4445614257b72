"""What a network makes of data, with a record of which network and which preprocessing it was."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

NONE = "none"
HASH_LENGTH = 12
Network = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class FeatureSource:
    """Where features come from. Distances between features mean something only among features of one source.

    Attributes:
        net: Name of the network.
        weights: Hash of its parameters and buffers; ``"none"`` where it has none that are known.
        preprocessing: Hash of what was done to the data before; ``"none"`` if nothing was.
    """

    net: str
    weights: str
    preprocessing: str

    def __str__(self) -> str:
        return f"{self.net} (weights {self.weights}, preprocessing {self.preprocessing})"


@dataclass(frozen=True, eq=False, repr=False)
class Features:
    """Features and their source; every metric of samples takes them in place of data and hands the source on.

    Attributes:
        values: Features, ``(num, dim)``, a row a datum.
        source: The network, and the preprocessing.
    """

    values: Tensor
    source: FeatureSource

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return f"Features({tuple(self.values.shape)} of {self.source})"


@torch.no_grad()
def features(
    net: Network,
    data: Tensor,
    *,
    name: str | None = None,
    preprocess: Network | None = None,
    batch_size: int = 256,
) -> Features:
    r"""Features :math:`f(x)` of data by a network in evaluation mode, without gradients.

    Args:
        net: A module, a method of one (such as ``classifier.embed``), or with a ``name`` any function; from a batch of
            data to ``(batch, ...)``, which is flattened. It runs on its own device and in its own dtype.
        data: Data, ``(num, *shape)``, as ``preprocess`` takes them.
        name: What the record calls the network; the class's name by default, with the method's.
        preprocess: What is done to a batch before the network, such as scaling and resizing; it must not be random. It
            is recorded by the hash of what it makes of one fixed probe with values in [0, 1] (0..255 for integers), so
            that equal hashes mean equal preprocessing; last digits may differ from one machine to another.
        batch_size: Data in memory at once.

    Returns:
        Features with their source.

    Raises:
        ValueError: If there are no data, a function has no name, ``preprocess`` is random, or the network does not
            return a finite row a datum.

    Example:
        >>> from pyrodgm import metrics
        >>> net = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.ReLU())
        >>> metrics.features(net, torch.randn(50, 6), name="small").values.shape
        torch.Size([50, 4])
    """
    if data.dim() < 2 or len(data) == 0:
        raise ValueError(f"Expected data of shape (num, ...), num > 0; got {tuple(data.shape)}. Give a row a datum.")
    if batch_size < 1:
        raise ValueError(f"Expected batch_size of at least 1; got {batch_size}. It bounds the memory.")
    module = module_of(net)
    if module is None and name is None:
        raise ValueError(
            "Expected a module or a method of one; got a function, whose weights nobody can record. Give it a name."
        )
    source = FeatureSource(name or name_of(net), weights_hash(module), preprocessing_hash(preprocess, data))
    state = None if module is None else next(filter(Tensor.is_floating_point, module.state_dict().values()), None)
    chunks = []
    with evaluation(module):
        for start, batch in enumerate(data.split(batch_size)):
            ready = batch if preprocess is None else preprocess(batch)
            if state is not None:
                ready = ready.to(state.device, state.dtype if ready.is_floating_point() else ready.dtype)
            values = net(ready)
            if values.dim() < 2 or len(values) != len(batch):
                raise ValueError(
                    f"Expected features of shape ({len(batch)}, ...) for as many data; got {tuple(values.shape)} from "
                    f"{source.net}. Return a row a datum."
                )
            values = values.flatten(1)
            wrong = (~values.isfinite()).any(1).nonzero()
            if len(wrong):
                row = start * batch_size + int(wrong[0])
                raise ValueError(
                    f"Expected finite features; {source.net} gave NaN or inf for row {row}. Look at that datum, and at "
                    "the range that the network was trained on."
                )
            chunks.append(values)
    return Features(torch.cat(chunks), source)


def module_of(net: Network) -> nn.Module | None:
    """Return the module that a network is, or whose method it is."""
    owner = getattr(net, "__self__", net)
    return owner if isinstance(owner, nn.Module) else None


def name_of(net: Network) -> str:
    """Return the class's name, with the method's."""
    if isinstance(net, torch.jit.ScriptModule):
        return str(net.original_name)
    if isinstance(net, nn.Module):
        return type(net).__name__
    return f"{type(module_of(net)).__name__}.{getattr(net, '__name__', '')}"


def weights_hash(module: nn.Module | None) -> str:
    """Return a hash of all parameters and buffers with their names."""
    state = {} if module is None else module.state_dict()
    if not state:
        return NONE
    digest = hashlib.sha256()
    for key, value in state.items():
        digest.update(f"{key} {tensor_hash(value)} ".encode())
    return digest.hexdigest()[:HASH_LENGTH]


def preprocessing_hash(preprocess: Network | None, data: Tensor) -> str:
    """Return a hash of what a preprocessing makes of two fixed rows of the data's shape and dtype.

    Raises:
        ValueError: If it makes something else of them the second time.
    """
    if preprocess is None:
        return NONE
    levels = torch.arange(2 * data[0].numel(), device=data.device).reshape(2, *data.shape[1:]) % 256
    probe = (levels / 255).to(data.dtype) if data.is_floating_point() else levels.to(data.dtype)
    first, second = preprocess(probe.clone()), preprocess(probe.clone())
    if not torch.equal(first, second):
        raise ValueError(
            "Expected a preprocessing that does the same each time; got two results for one input. Take out what is "
            "random, such as crops and noise."
        )
    return tensor_hash(first)


def tensor_hash(value: Tensor) -> str:
    """Return a hash of a tensor's dtype, shape and bytes."""
    raw = value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
    return hashlib.sha256(f"{value.dtype} {tuple(value.shape)} ".encode() + raw).hexdigest()[:HASH_LENGTH]


@contextmanager
def evaluation(module: nn.Module | None) -> Iterator[None]:
    """Put a module into evaluation mode, and afterwards each of its parts back into its own."""
    modes = {} if module is None else {part: part.training for part in module.modules()}
    try:
        if module is not None:
            module.eval()
        yield
    finally:
        for part, training in modes.items():
            part.training = training
