"""The variational autoencoder: prior, likelihood and posterior, each any conditional."""

from collections.abc import Sequence

import pyro
import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, Independent

from pyrodgm.conditional import Conditional
from pyrodgm.models.checks import check_rows, check_support
from pyrodgm.models.model import Model
from pyrodgm.models.program import Program, data_plate, num_rows
from pyrodgm.priors import VampPrior
from pyrodgm.priors.posterior_mixture import PosteriorMixture
from pyrodgm.transforms.univariate.checks import validation_enabled


class VAE(Model):
    r""":math:`z \sim p(z \mid c),\; x \sim p(x \mid z, c)` with the guide :math:`z \sim q(z \mid x, c)`.

    A component takes the context ``c`` if it was built wide enough for it: the likelihood then reads ``[z, c]``, the
    posterior ``[x, c]``, side by side (of images, ``c`` is spread over the pixels as further channels).

    Args:
        prior: ``p(z)`` or ``p(z | c)``.
        likelihood: ``p(x | z)`` or ``p(x | z, c)``.
        posterior: ``q(z | x)`` or ``q(z | x, c)``.

    Raises:
        ValueError: If the latent's or the contexts' sizes disagree, or the prior is a mixture of another posterior.

    Example:
        >>> import torch
        >>> from pyro.infer import Trace_ELBO
        >>> from pyrodgm import flows, models
        >>> vae = models.vae(64, 8, prior=flows.realnvp(8), hidden_dims=(32,))
        >>> Trace_ELBO()(vae.model, vae.guide)(torch.rand(5, 64).round()).shape
        torch.Size([])

    References:
        Kingma, Welling (2014), Auto-Encoding Variational Bayes, eq. 3, https://arxiv.org/abs/1312.6114
    """

    def __init__(self, prior: Conditional, likelihood: Conditional, posterior: Conditional) -> None:
        super().__init__()
        if prior.event_shape != posterior.event_shape:
            raise ValueError(
                f"Expected prior and posterior over one latent; got a prior of {tuple(prior.event_shape)} and a "
                f"posterior of {tuple(posterior.event_shape)}. Build both with the same latent_dim."
            )
        widths = {
            extra_width(likelihood.context_shape, prior.event_shape, "likelihood", "z"),
            extra_width(posterior.context_shape, likelihood.event_shape, "posterior", "x"),
            prior.context_dim,
        } - {0}
        if len(widths) > 1:
            raise ValueError(f"Expected one width of context; got {sorted(widths)}. Build all three with one context.")
        if isinstance(prior, PosteriorMixture):
            prior.check_encoder(posterior)
        self.prior = prior
        self.likelihood = likelihood
        self.posterior = posterior
        self.event_shape = likelihood.event_shape
        self.context_dim = widths.pop() if widths else 0
        self.pair(VAEModel(prior, likelihood), VAEGuide(posterior, self.event_shape))

    @torch.no_grad()
    def initialize(self, x: Tensor, context: Tensor | None = None) -> None:
        """Start the pseudo-inputs of a :class:`~pyrodgm.priors.VampPrior` from the data."""
        if isinstance(self.prior, VampPrior):
            self.prior.start_from(join(x, context, self.posterior.context_shape))

    def observation(self, context: Tensor | None) -> Distribution:
        """Return ``p(x | z, c)`` at one latent of the prior."""
        z = self.prior(context if self.prior.context_shape else None).sample(() if self.prior.context_shape else (1,))
        return self.likelihood(join(z, context, self.likelihood.context_shape))

    @torch.no_grad()
    def encode(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the mean of ``q(z | x, c)``, or a draw of it where it has no mean in closed form."""
        q = self.posterior(join(x, context, self.posterior.context_shape))
        try:
            return q.mean
        except NotImplementedError:
            return q.sample()

    @torch.no_grad()
    def reconstruct(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the mean of ``p(x | z, c)`` at the encoded latent, or a draw of it where it has none in closed form.

        Returns:
            ``(num_rows, *event_shape)``.
        """
        z = self.encode(x, context)
        p = self.likelihood(join(z, context, self.likelihood.context_shape))
        try:
            return expectation(p)
        except NotImplementedError:
            return p.sample()


class VAEModel(Program):
    """The program ``z ~ p(z | c); x ~ p(x | z, c)``."""

    def __init__(self, prior: Conditional, likelihood: Conditional) -> None:
        super().__init__()
        self.prior = prior
        self.likelihood = likelihood

    def forward(
        self, x: Tensor | None = None, context: Tensor | None = None, *, size: int | None = None, num: int = 1
    ) -> Tensor:
        """Sample ``z``, and sample or score ``x``."""
        prior, likelihood = self.prior, self.likelihood
        with data_plate(num_rows(x, context, num), size):
            z = pyro.sample("z", prior(context if prior.context_shape else None))
            distribution = likelihood(join(z, context, likelihood.context_shape))
            if x is not None and validation_enabled():
                check_support(distribution, x)
            return pyro.sample("x", distribution, obs=x)


class VAEGuide(Program):
    """The program ``z ~ q(z | x, c)``."""

    def __init__(self, posterior: Conditional, event_shape: torch.Size) -> None:
        super().__init__()
        self.posterior = posterior
        self.event_shape = event_shape

    def forward(self, x: Tensor, context: Tensor | None = None, *, size: int | None = None) -> Tensor:
        """Sample ``z`` given ``x``."""
        posterior = self.posterior
        if validation_enabled():
            check_rows(x, self.event_shape)
        with data_plate(len(x), size):
            return pyro.sample("z", posterior(join(x, context, posterior.context_shape)))


def extra_width(context_shape: Sequence[int], own: Sequence[int], name: str, what: str) -> int:
    """Return how many features of context a component takes beside its own input.

    Raises:
        ValueError: If its input does not fit.
    """
    taken, own = tuple(context_shape), tuple(own)
    if len(taken) == len(own) and taken[1:] == own[1:] and taken[:1] >= own[:1]:
        return taken[0] - own[0] if own else 0
    raise ValueError(
        f"Expected a {name} that takes {what} of shape {own}, or wider by the context; got context_shape {taken}. "
        f"Build it for {what}."
    )


def join(own: Tensor, context: Tensor | None, shape: Sequence[int]) -> Tensor:
    """Put the context beside a component's own input, if the component of that ``shape`` takes it."""
    dim = -len(shape)
    if shape[0] == own.shape[dim]:
        return own
    if context is None:
        raise ValueError(
            f"Expected a context of shape (num_rows, {shape[0] - own.shape[dim]}); got None. Pass the context."
        )
    batch = torch.broadcast_shapes(own.shape[:dim], context.shape[:-1])
    spread = context.reshape(*context.shape, *[1] * (len(shape) - 1))
    spread = spread.expand(*batch, context.shape[-1], *own.shape[own.dim() + dim + 1 :])
    return torch.cat((own.expand(*batch, *own.shape[dim:]), spread), dim)


def expectation(distribution: Distribution) -> Tensor:
    """Return the mean; of categories, that of their numbers."""
    innermost = distribution
    while isinstance(innermost, Independent):
        innermost = innermost.base_dist
    if isinstance(innermost, Categorical):
        values = torch.arange(innermost.logits.shape[-1], dtype=innermost.logits.dtype, device=innermost.logits.device)
        return innermost.probs @ values
    return distribution.mean
