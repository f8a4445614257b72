"""What priors that are mixtures of posteriors share: an encoder that belongs to another."""

from collections.abc import Callable

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions import Independent, Normal

from pyrodgm.conditional import Conditional
from pyrodgm.distributions import DiagonalNormalMixture
from pyrodgm.heads.mixtures import check_components


class PosteriorMixture(Conditional):
    r"""Mixture of posteriors at given inputs, :math:`p(z) = \frac1K \sum_k q(z \mid u_k)`.

    The encoder is that of the model's posterior, which trains and saves it. Here it is only called: it adds no
    parameters, follows a move to another device or dtype, and is copied with the model that holds both.

    Args:
        encoder_conditional: The posterior :math:`q(z \mid u)`.
        num_components: Number :math:`K` of components.

    Raises:
        ValueError: If the posterior takes nothing, or there is no component.
    """

    def __init__(self, encoder_conditional: Conditional, num_components: int) -> None:
        super().__init__()
        if not encoder_conditional.context_shape:
            raise ValueError(
                f"Expected a posterior q(z | x); got {type(encoder_conditional).__name__}, which takes no context. "
                "Pass the VAE's posterior."
            )
        check_components(num_components)
        self._encoder = (encoder_conditional,)  # a tuple, so that it is not registered a second time
        self.num_components = num_components
        self.event_shape = encoder_conditional.event_shape

    @property
    def encoder(self) -> Conditional:
        """The posterior."""
        return self._encoder[0]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input of the posterior."""
        return self.encoder.context_shape

    def mixture(self, inputs: Tensor) -> TorchDistribution:
        """Return the mixture of the posteriors at ``(num_components, *input_shape)``."""
        components = self.encoder(inputs)
        logits = inputs.new_zeros(len(inputs))
        normals = components.base_dist if isinstance(components, Independent) else None
        if isinstance(normals, Normal) and len(components.event_shape) == 1:
            return DiagonalNormalMixture(logits, normals.loc, normals.scale)
        return dist.MixtureSameFamily(dist.Categorical(logits=logits), components)

    def check_encoder(self, posterior: Conditional) -> None:
        """Refuse to be the prior of a model with another posterior, which would neither train nor save the encoder.

        Raises:
            ValueError: If the posterior is not the encoder.
        """
        if posterior is not self.encoder:
            raise ValueError(
                f"Expected a {type(self).__name__} of the model's own posterior; got one of another encoder, which the "
                "model would neither train nor save. Build it with the posterior that the model is given."
            )

    def check_inputs(self, inputs: Tensor, what: str) -> None:
        """Refuse inputs that the posterior does not take, or fewer than components.

        Raises:
            ValueError: Naming the shapes.
        """
        if tuple(inputs.shape[1:]) != self.input_shape or inputs.dim() == 0:
            raise ValueError(
                f"Expected {what} of shape (num_rows, {', '.join(map(str, self.input_shape))}), the posterior's "
                f"inputs; got {tuple(inputs.shape)}. Give one input a row."
            )
        if len(inputs) < self.num_components:
            raise ValueError(
                f"Expected at least num_components={self.num_components} rows of {what}; got {len(inputs)}. "
                "Pass more rows, or ask for fewer components."
            )
        if not torch.isfinite(inputs).all():
            raise ValueError(f"Expected finite {what}; got NaN or inf. Remove such rows.")

    def choose(self, data: Tensor) -> Tensor:
        """Return ``num_components`` different rows, drawn at random from the floating-point form of the data."""
        rows = torch.randperm(len(data), device=data.device)[: self.num_components]
        chosen = data[rows].detach()
        return chosen.clone() if chosen.is_floating_point() else chosen.to(torch.get_default_dtype())

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "PosteriorMixture":
        self.encoder._apply(fn, recurse)
        return super()._apply(fn, recurse)
