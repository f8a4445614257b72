"""What the contracts share: comparisons, batches, and parameters away from their start."""

import copy
import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor, nn

SomeModule = TypeVar("SomeModule", bound=nn.Module)
Inputs = ParamSpec("Inputs")
Output = TypeVar("Output")

BATCHES: tuple[tuple[int, ...], ...] = ((), (5,), (2, 5), (2, 1, 3))
BATCHES_AND_NONE = (*BATCHES, (0,))  # torch's own Independent and Categorical cannot score an empty batch


def in_float64(check: Callable[Inputs, Output]) -> Callable[Inputs, Output]:
    """Run a check with float64 as the default dtype: its tolerances tell rounding from mistakes only there.

    Modules and tensors that the check is given are taken as copies in float64.
    """

    @functools.wraps(check)
    def run(*args: Inputs.args, **kwargs: Inputs.kwargs) -> Output:
        default = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        try:
            return check(*map(_double, args), **{name: _double(value) for name, value in kwargs.items()})  # type: ignore[arg-type]
        finally:
            torch.set_default_dtype(default)

    return run


def _double(value: object) -> object:
    if isinstance(value, nn.Module):
        return copy.deepcopy(value).double()
    return value.double() if isinstance(value, Tensor) and value.is_floating_point() else value


def expect(condition: object, message: str) -> None:
    """Raise if a contract is broken."""
    if not condition:
        raise AssertionError(message)


def close(actual: Tensor, expected: Tensor, what: str, *, tolerance: float = 1e-6) -> None:
    """Compare tensors of one shape."""
    torch.testing.assert_close(
        actual, expected, rtol=tolerance, atol=tolerance, msg=lambda text: f"{what}: {text}", check_dtype=False
    )


def perturb(module: SomeModule, scale: float = 0.1) -> SomeModule:
    """Move every parameter away from its start, so that nothing holds by initialisation alone."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=scale)
    return module


def check_gradients(module: nn.Module, output: Tensor) -> None:
    """Every parameter gets a gradient, and a finite one."""
    names, parameters = (
        zip(*module.named_parameters(), strict=True) if any(True for _ in module.parameters()) else ((), ())
    )
    if not parameters:
        return
    gradients = torch.autograd.grad(output.sum(), parameters, allow_unused=True)
    for name, gradient in zip(names, gradients, strict=True):
        expect(gradient is not None, f"parameter {name} gets no gradient")
        expect(torch.isfinite(gradient).all(), f"parameter {name} gets a gradient that is not finite")  # type: ignore[arg-type]


def expect_error(call: Callable[[], object], text: str) -> None:
    """The call raises a ValueError that contains the text."""
    try:
        call()
    except ValueError as error:
        expect(text in str(error), f"error without {text!r}: {error}")
    else:
        raise AssertionError(f"no ValueError {text!r}")
