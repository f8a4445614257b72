"""Flows of one pass a draw, in which each feature follows what the noise before it says."""

from collections.abc import Iterable
from typing import NamedTuple, cast

import torch
from torch import Tensor

from pyrodgm.conditional import Conditional
from pyrodgm.flows.flow import Flow, FlowDistribution, check_finite_rows
from pyrodgm.transforms import Affine, Compose, Inverse, MaskedAutoregressive, Shift


class CausalSteps(NamedTuple):
    r"""A draw, and what each feature was drawn from given the noise before it: :math:`x_i = \mu_i + s_i u_i`.

    Attributes:
        x: The draw, ``(*batch, D)``.
        loc: The locations :math:`\mu_i(u_{<i}, c)`, ``(*batch, D)``.
        scale: The scales :math:`s_i(u_{<i}, c)`, ``(*batch, D)``.
    """

    x: Tensor
    loc: Tensor
    scale: Tensor


class CausalFlow(Flow):
    r"""Inverse autoregressive layers in one order: :math:`x_i = \mu_i(u_{<i}, c) + s_i(u_{<i}, c)\, u_i`.

    A stack of layers :math:`h_i = (h'_i - m_i(h'_{<i}, c)) / e^{a_i(h'_{<i}, c)}` in the same order is one such map, so
    that each feature, given the noise before it, is of the base's family, and its location and scale come with the draw
    (:meth:`steps`). That is what :class:`~pyrodgm.infer.Distillation` integrates over.

    A draw and its density take one pass of each network. The density of any other value goes through the networks
    feature by feature, layer by layer; where a network answers to small changes with large ones, rounding grows along
    the way.

    Args:
        layers: Masked autoregressive layers of :class:`~pyrodgm.transforms.Affine` or
            :class:`~pyrodgm.transforms.Shift`, turned around here; the one nearest to the base first.
        base: The base, without a context, of independent features.

    Raises:
        ValueError: If there is no layer, one is of another family, orders or contexts differ, or the base takes a
            context or has other events.

    Example:
        >>> import torch
        >>> from pyrodgm import flows, nn, transforms
        >>> layers = [transforms.MaskedAutoregressive(transforms.Affine(), nn.MaskedMLP(3, 2)) for _ in range(2)]
        >>> flow = flows.CausalFlow(layers, flows.logistic_base(3))
        >>> x, loc, scale = flow.steps(torch.randn(5, 3))
        >>> x.shape, loc.shape, scale.shape
        (torch.Size([5, 3]), torch.Size([5, 3]), torch.Size([5, 3]))

    References:
        Kingma, Salimans, Jozefowicz, Chen, Sutskever, Welling (2016), Improved Variational Inference with Inverse
        Autoregressive Flow, section 3, https://arxiv.org/abs/1606.04934;
        van den Oord and others (2017), Parallel WaveNet, https://arxiv.org/abs/1711.10433 (locations and scales through
        a stack)
    """

    def __init__(self, layers: Iterable[MaskedAutoregressive], base: Conditional) -> None:
        layers = list(layers)
        check_layers(layers, base)
        super().__init__(Compose([Inverse(layer) for layer in layers]), base)
        self.context_shape = tuple(layers[0].net.context_shape)

    @property
    def layers(self) -> list[MaskedAutoregressive]:
        """The layers as they were given, the one nearest to the base first."""
        parts = cast(Compose, self.bijection).parts
        return [cast(MaskedAutoregressive, cast(Inverse, part).bijection) for part in parts]

    @property
    def order(self) -> Tensor:
        """The order of the features, ``(D,)``."""
        return self.layers[0].net.order

    def initialize(self, x: Tensor, context: Tensor | None = None) -> None:
        """Check the data; there is nothing to set from them, since networks see noise.

        Args:
            x: ``(num, D)``.
            context: ``(num, *context_shape)`` or ``None``.

        Raises:
            ValueError: If there are no data, or some are not finite.
        """
        check_finite_rows(x, self.event_shape)

    def distribution(self, context: Tensor | None) -> FlowDistribution:
        """Make the distribution; networks run when it is sampled or scored."""
        batch = () if context is None else context.shape[: context.dim() - len(self.context_shape)]
        return FlowDistribution(self.bijection, self.base.distribution(None), context, batch)

    def steps(self, noise: Tensor, context: Tensor | None = None) -> CausalSteps:
        r"""Draw from given noise, with each feature's location and scale given the noise before it.

        The density of the draw is :math:`\prod_i p_u\left(\frac{x_i - \mu_i}{s_i}\right) / s_i`.

        Args:
            noise: What the base draws, ``(*batch, D)``.
            context: ``(*batch', *context_shape)``, broadcast against ``batch``, or ``None``.

        Returns:
            The draw, locations and scales, each ``(*batch, D)``, with gradients.

        Raises:
            ValueError: If the noise or the context has another shape.
        """
        self.check_context(context)
        if noise.shape[-1:] != self.event_shape:
            raise ValueError(
                f"Expected noise of shape (*batch, {self.event_shape[0]}); got {tuple(noise.shape)}. "
                "Draw it from the base."
            )
        x, loc, log_scale = noise, torch.zeros_like(noise), torch.zeros_like(noise)
        for layer in self.layers:
            params = layer.net(x, context)
            loc = layer.univariate.inverse_and_ladj(loc, params)[0]
            x, ladj = layer.univariate.inverse_and_ladj(x, params)
            log_scale = log_scale + ladj
        return CausalSteps(x, loc, log_scale.exp())


def check_layers(layers: list[MaskedAutoregressive], base: Conditional) -> None:
    """Refuse layers and bases of which the whole is no causal map of locations and scales.

    Raises:
        ValueError: Saying why.
    """
    if not layers:
        raise ValueError("Expected at least one layer; got none. A flow has layers.")
    first = layers[0].net
    for layer in layers:
        if not isinstance(layer.univariate, Affine | Shift):
            raise ValueError(
                f"Expected layers of Affine or Shift; got {type(layer.univariate).__name__}, which has no location and "
                "scale. Compose Inverse layers to a Flow instead."
            )
        if not torch.equal(layer.net.order, first.order):
            raise ValueError(
                "Expected layers in one order; got several. Build all networks with the same, or take flows.iaf."
            )
        if tuple(layer.net.context_shape) != tuple(first.context_shape):
            raise ValueError(
                f"Expected layers that share one context; got {tuple(first.context_shape)} and "
                f"{tuple(layer.net.context_shape)}. Build them with one."
            )
    if base.context_shape:
        raise ValueError(f"Expected a base without a context; got {tuple(base.context_shape)}. Give it to the layers.")
    if tuple(base.event_shape) != tuple(first.event_shape):
        raise ValueError(
            f"Expected a base of events {tuple(first.event_shape)}; got {tuple(base.event_shape)}. "
            "Build it as wide as the networks."
        )
