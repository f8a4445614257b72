"""A guide whose parameters are held while it scores."""

from collections.abc import Callable
from typing import Any

import torch
from pyro.poutine.messenger import Messenger
from torch import nn


class Held(nn.Module):
    """A guide that runs with its parameters held: what it scores is differentiable through the values alone.

    Args:
        guide: Program of the proposal.

    Raises:
        ValueError: If the guide is no module.
    """

    def __init__(self, guide: Callable[..., Any]) -> None:
        super().__init__()
        if not isinstance(guide, nn.Module):
            raise ValueError(
                f"Expected a guide that is a module, to hold its parameters; got {type(guide).__name__}. "
                'Write it as a PyroModule, or take gradient="reparameterized".'
            )
        self.caller = Caller(guide)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the guide."""
        fixed = {name: parameter.detach() for name, parameter in self.caller.named_parameters()}
        return torch.func.functional_call(self.caller, fixed, args, kwargs)


class Caller(nn.Module):
    """Calls a guide's ``forward``, past the parameter store."""

    def __init__(self, guide: nn.Module) -> None:
        super().__init__()
        self.guide = guide

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the guide."""
        return self.guide.forward(*args, **kwargs)


class HeldParams(Messenger):
    """Holds what a program takes from the parameter store all the same."""

    def _pyro_post_param(self, msg: Any) -> None:
        msg["value"] = msg["value"].detach()
