"""Which parameters of a module are given a prior, and which one."""

import math
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from numbers import Real
from typing import cast

import pyro.distributions as dist
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import TorchDistribution, TorchDistributionMixin
from torch import Tensor, nn

Choice = float | TorchDistribution
Prior = Choice | Mapping[str, Choice] | Callable[[str, nn.Parameter], Choice | None]


def find_priors(module: nn.Module, prior: Prior) -> tuple[dict[str, TorchDistribution], dict[str, list[str]]]:
    """Return the prior of each parameter that has one, and all names of each, tied ones having several.

    Args:
        module: Whose parameters; those that require no gradient are constants.
        prior: For every parameter, by pattern of their names, or by a function of name and parameter.

    Returns:
        By the parameter's first name: its prior, whose event has the parameter's shape; and its names.

    Raises:
        ValueError: If there is no such parameter, a pattern matches none or is never reached, or a prior is no prior,
            does not fit a parameter's shape, or excludes a value that a parameter has.
    """
    names: dict[str, list[str]] = {}
    parameters: dict[str, nn.Parameter] = {}
    first: dict[int, str] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        if parameter.requires_grad:
            one = first.setdefault(id(parameter), name)
            parameters.setdefault(one, parameter)
            names.setdefault(one, []).append(name)
    if not parameters:
        raise ValueError(
            f"Expected a module with parameters; {type(module).__name__} has none that require a gradient. "
            "Pass one with weights."
        )
    chosen = dict(choices(parameters, names, prior))
    if not chosen:
        raise ValueError(f"Expected a prior for at least one parameter; got none for {sorted(parameters)}.")
    priors = {name: fit_prior(choice, name, parameters[name]) for name, choice in chosen.items()}
    return priors, {name: names[name] for name in priors}


def choices(
    parameters: Mapping[str, nn.Parameter], names: Mapping[str, list[str]], prior: Prior
) -> Iterator[tuple[str, Choice]]:
    """Yield each parameter's name with what was chosen for it; the first pattern that matches one of its names counts.

    Raises:
        ValueError: If a pattern matches nothing, or nothing that an earlier one leaves.
    """
    if isinstance(prior, (Real, TorchDistributionMixin)):
        for name in parameters:
            yield name, cast(Choice, prior)
    elif isinstance(prior, Mapping):
        taken: dict[str, str] = {}
        for name, own in names.items():
            for pattern in prior:
                if any(fnmatchcase(one, pattern) for one in own):
                    taken[name] = pattern
                    yield name, prior[pattern]
                    break
        for pattern in prior:
            if pattern not in taken.values():
                matched = [name for name, own in names.items() if any(fnmatchcase(one, pattern) for one in own)]
                if matched:
                    raise ValueError(
                        f"Expected each pattern to be reached; {pattern!r} matches only what {taken[matched[0]]!r}, "
                        "before it, takes. Put the narrower pattern first."
                    )
                raise ValueError(
                    f"Expected patterns that match parameters; {pattern!r} matches none of {sorted(parameters)}. "
                    "Patterns are compared with whole names; * stands for anything."
                )
    elif callable(prior):
        choose = cast(Callable[[str, nn.Parameter], Choice | None], prior)
        for name, parameter in parameters.items():
            choice = choose(name, parameter)
            if choice is not None:
                yield name, choice
    else:
        raise ValueError(
            "Expected a number, a distribution, a dict of these or a function as the prior; got "
            f"{type(prior).__name__}. A number is the scale of N(0, scale^2)."
        )


def fit_prior(choice: Choice, name: str, parameter: Tensor) -> TorchDistribution:
    """Return a distribution over tensors of the parameter's shape.

    Raises:
        ValueError: If there is none, or the parameter's value is outside of its support.
    """
    shape = parameter.shape
    if isinstance(choice, Real):
        scale = float(choice)
        if not scale > 0:
            raise ValueError(
                f"Expected a scale > 0 of the prior of {name!r}; got {scale:g}. math.inf makes the prior flat."
            )
        if math.isinf(scale):
            return dist.ImproperUniform(constraints.independent(constraints.real, len(shape)), (), shape)
        zero = parameter.new_zeros(())
        return dist.Normal(zero, zero + scale, validate_args=False).expand(shape).to_event(len(shape))
    if not isinstance(choice, TorchDistributionMixin):
        raise ValueError(
            f"Expected a number or a distribution as the prior of {name!r}; got {type(choice).__name__}. "
            "A number is the scale of N(0, scale^2); distributions are those of pyro.distributions."
        )
    event_dim = len(choice.event_shape)
    batch = shape[: len(shape) - event_dim]
    try:
        if event_dim > len(shape) or shape[len(batch) :] != choice.event_shape:
            raise RuntimeError
        prior = choice.expand(batch).to_event(len(batch))
    except RuntimeError as error:
        raise ValueError(
            f"Expected a prior that fits {name!r} of shape {tuple(shape)}; got {type(choice).__name__} of batch_shape "
            f"{tuple(choice.batch_shape)} and event_shape {tuple(choice.event_shape)}. Give one for a single entry, or "
            "one that expands to that shape."
        ) from error
    check_value(choice, name, parameter.detach())
    return prior


def check_value(choice: TorchDistribution, name: str, value: Tensor) -> None:
    """Refuse a prior whose support excludes the value that a parameter has.

    Raises:
        ValueError: Naming the parameter and a value.
    """
    support = cast(constraints.Constraint, choice.support)
    if support.is_discrete:
        raise ValueError(
            f"Expected a continuous prior of {name!r}; got {type(choice).__name__}. Weights are real numbers."
        )
    inside = support.check(value)
    if not inside.all():
        outside = ~inside if inside.shape == value.shape else (~inside).reshape(*inside.shape, 1).expand_as(value)
        raise ValueError(
            f"Expected the value of {name!r} in the support {support} of its prior; got "
            f"{value[outside][0].item():.6g}. Choose a prior that allows it, or set the parameter to one inside before."
        )


def is_real(prior: TorchDistribution) -> bool:
    """Return whether a prior is over all real numbers."""
    support = prior.support
    while isinstance(support, constraints.independent):
        support = support.base_constraint
    return isinstance(support, type(constraints.real))
