"""The contract of a model: a pair of Pyro programs that share their components."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from pyrodgm.models.checks import check_rows, check_support
from pyrodgm.models.program import Program


class Model(nn.Module, ABC):
    """A model/guide pair over data ``x``.

    ``.model`` and ``.guide`` are Pyro modules called as ``model(x, context=None, *, size=None)``. They hold the same
    components as the pair itself, which alone registers them: a ``state_dict`` counts each parameter once. A component
    that is assigned anew is replaced in the programs too.

    Subclasses register their components, call :meth:`pair`, and write :meth:`observation`.

    Attributes:
        event_shape: Shape of one datum.
    """

    event_shape: torch.Size

    def pair(self, model: Program, guide: Program) -> None:
        """Set the two programs, once the components stand."""
        self._programs = (model, guide)  # a tuple, so that the components are not registered a second time

    def __setattr__(self, name: str, value: torch.Tensor | nn.Module) -> None:
        """Set an attribute; a component also in the programs that hold one of that name."""
        super().__setattr__(name, value)
        for program in self.__dict__.get("_programs", ()):
            if name in program._modules:
                setattr(program, name, value)

    @property
    def model(self) -> Program:
        """The generative program, with the observed site ``"x"``."""
        return self._programs[0]

    @property
    def guide(self) -> Program:
        """The program of the approximate posterior."""
        return self._programs[1]

    @abstractmethod
    def observation(self, context: Tensor | None) -> torch.distributions.Distribution:
        """Return a distribution of ``x`` as the model makes it; its support is that of the data."""

    def check_data(self, x: Tensor, context: Tensor | None = None) -> None:
        """Check a whole data set once, so that training need not.

        Args:
            x: ``(num_rows, *event_shape)``.
            context: ``(num_rows, *context_shape)`` or ``None``.

        Raises:
            ValueError: If rows are missing, of the wrong shape, not finite (the row is named), or outside of the
                likelihood's support.
        """
        check_rows(x, self.event_shape)
        if context is not None:
            check_rows(context, context.shape[1:], "context")
            if len(context) != len(x):
                raise ValueError(f"Expected one context a row; got {len(context)} for {len(x)} rows. Pass as many.")
        with torch.no_grad():
            check_support(self.observation(None if context is None else context[:1]), x)

    def initialize(self, x: Tensor, context: Tensor | None = None) -> None:
        """Set from data what components set from data, before training; by default nothing.

        Args:
            x: ``(num, *event_shape)``.
            context: ``(num, *context_shape)`` or ``None``.
        """

    @torch.no_grad()
    def sample(self, num: int, context: Tensor | None = None) -> Tensor:
        """Draw data.

        Args:
            num: How many; ignored where a context says it.
            context: ``(num, *context_shape)`` or ``None``.

        Returns:
            ``(num, *event_shape)``.
        """
        return self.model.forward(context=context, num=num)
