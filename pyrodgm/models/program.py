"""One half of a model/guide pair: a Pyro module whose name is its own, and the plate of the data."""

import itertools
from typing import Any

import pyro
import torch
from pyro.nn import PyroModule

_numbers = itertools.count()


class Program(PyroModule):
    """A Pyro model or guide over the plate ``"data"``.

    Pyro's parameter store knows parameters by the name of their root module: two modules of one name share what is in
    the store, silently, and the second never learns. So each program has a name of its own, renewed when it is copied
    or unpickled. The name reaches the store only, not the sites or the ``state_dict``.
    """

    def __init__(self) -> None:
        super().__init__(self._unique_name())

    def _unique_name(self) -> str:
        return f"{type(self).__name__}_{next(_numbers)}"

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._pyro_set_supermodule(self._unique_name(), self._pyro_context)


def data_plate(num_rows: int, size: int | None) -> pyro.plate:
    """Return the plate ``"data"`` of a batch; with ``size``, log-densities scale up to a data set of that size.

    Raises:
        ValueError: If the data set is smaller than the batch.
    """
    if size is None or size == num_rows:
        return pyro.plate("data", num_rows, dim=-1)
    if size < num_rows:
        raise ValueError(f"Expected size of at least {num_rows}, the rows of x; got {size}. Pass the data set's size.")
    return pyro.plate("data", size, subsample=torch.arange(num_rows), dim=-1)


def num_rows(x: torch.Tensor | None, context: torch.Tensor | None, num: int) -> int:
    """Return how many data a program runs over: the rows of x, else of the context, else ``num``."""
    if x is not None:
        return len(x)
    return num if context is None else len(context)
