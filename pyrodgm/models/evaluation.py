"""Modules held in evaluation mode for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluation(*modules: nn.Module) -> Iterator[None]:
    """Hold modules in evaluation mode, so that nothing is dropped and nothing keeps count."""
    training = [part for module in modules for part in module.modules() if part.training]
    for part in training:
        part.training = False
    try:
        yield
    finally:
        for part in training:
            part.training = True
