"""A guide that refines what the encoder says by a few steps for each datum."""

import pyro
import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor

from pyrodgm.conditional import Embedded, Neural
from pyrodgm.infer.log_evidence import check_positive
from pyrodgm.models.checks import check_rows
from pyrodgm.models.program import Program, data_plate
from pyrodgm.models.vae import VAE, join
from pyrodgm.transforms.univariate.checks import validation_enabled


class SemiAmortized(Program):
    r"""Guide :math:`z \sim q(z; \lambda(x))`, :math:`\lambda(x)` the encoder's output, refined for each datum.

    The encoder's output is where each datum's own parameters start; Adam then improves them by ``num_steps`` gradients
    of the datum's ELBO, at a rate that falls to 0. The gap to the amortised guide is what amortisation costs. The
    refined parameters carry no gradient to the encoder: it is a guide for test time, usable wherever a guide is.

    Equal weights refine an equal batch equally, since the noise of the steps starts from one seed, drawn when the guide
    is built: the guide has one density, however often it is asked for.

    Args:
        vae: Whose posterior is refined; :class:`~pyrodgm.Neural` or :class:`~pyrodgm.Embedded`, with reparameterized
            draws.
        num_steps: Number of gradient steps.
        lr: Rate of Adam at the start, in units of the parameters.
        num_particles: Number of draws a step.

    Raises:
        ValueError: If a number is not positive, or the posterior has no parameters of a datum to refine, or no
            reparameterized draws.

    Example:
        >>> import torch
        >>> from pyrodgm import infer, models
        >>> vae = models.vae(64, 8, hidden_dims=(32,))
        >>> guide = infer.SemiAmortized(vae, num_steps=2)
        >>> infer.log_evidence(vae.model, guide, torch.rand(5, 64).round(), num_particles=10).shape
        torch.Size([5])

    References:
        Kim, Wiseman, Miller, Sontag, Rush (2018), Semi-Amortized Variational Autoencoders,
        https://arxiv.org/abs/1802.02550;
        Cremer, Li, Duvenaud (2018), Inference Suboptimality in Variational Autoencoders,
        https://arxiv.org/abs/1801.03558
    """

    def __init__(self, vae: VAE, *, num_steps: int = 50, lr: float = 0.1, num_particles: int = 8) -> None:
        super().__init__()
        check_positive(num_steps=num_steps, num_particles=num_particles)
        if not lr > 0:
            raise ValueError(f"Expected lr > 0; got {lr}. It is the rate of Adam at the start.")
        posterior_of(vae)
        self._vae = (vae,)  # a tuple, so that its parameters are not taken for the guide's own
        self.num_steps = num_steps
        self.lr = lr
        self.num_particles = num_particles
        self.seed = int(torch.randint(2**31, ()))

    @property
    def vae(self) -> VAE:
        """The pair whose guide is refined."""
        return self._vae[0]

    def forward(self, x: Tensor, context: Tensor | None = None, *, size: int | None = None) -> Tensor:
        """Sample ``z`` given ``x``."""
        if validation_enabled():
            check_rows(x, self.vae.event_shape)
        q = self.distribution(self.refine(x, context))
        with data_plate(len(x), size):
            return pyro.sample("z", q)

    def distribution(self, params: Tensor) -> TorchDistribution:
        """Make the posterior from parameters ``(num_rows, num_params)``."""
        posterior = posterior_of(self.vae)
        return posterior.head(params) if isinstance(posterior, Neural) else posterior.conditional(params)

    def refine(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the parameters of each datum's posterior, ``(num_rows, num_params)``.

        Args:
            x: ``(num_rows, *event_shape)``.
            context: ``(num_rows, *context_shape)`` or ``None``.
        """
        posterior = posterior_of(self.vae)
        with torch.no_grad():
            params = posterior.net(join(x, context, posterior.context_shape)).clone()
        devices = [params.device] if params.is_cuda else []
        with torch.random.fork_rng(devices), torch.enable_grad():
            torch.manual_seed(self.seed)
            params.requires_grad_()
            optimizer = torch.optim.Adam([params], lr=self.lr)
            for step in range(self.num_steps):
                optimizer.param_groups[0]["lr"] = self.lr * (1 - step / self.num_steps)
                # Of the parameters alone, so that nothing is left in the gradients of the model's.
                (params.grad,) = torch.autograd.grad(-self.bound(params, x, context), [params])
                optimizer.step()
        return params.detach()

    def bound(self, params: Tensor, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return an estimate of the ELBO of all rows together, in nats."""
        prior, likelihood = self.vae.prior, self.vae.likelihood
        q = self.distribution(params)
        if not q.has_rsample:
            raise ValueError(
                f"Expected a posterior with reparameterized draws; got {type(q).__name__} without rsample. "
                "Use a continuous one."
            )
        z = q.rsample(torch.Size([self.num_particles]))
        log_prior = prior(context if prior.context_shape else None).log_prob(z)
        log_likelihood = likelihood(join(z, context, likelihood.context_shape)).log_prob(x)
        total: Tensor = (log_likelihood + log_prior - q.log_prob(z)).sum() / self.num_particles
        return total


def posterior_of(vae: VAE) -> Neural | Embedded:
    """Return the posterior of a VAE.

    Raises:
        ValueError: If there is no tensor between its encoder and its distribution.
    """
    posterior = vae.posterior
    if isinstance(posterior, (Neural, Embedded)):
        return posterior
    raise ValueError(
        f"Expected a posterior of Neural(net, head) or Embedded(net, conditional); got {type(posterior).__name__}. "
        "The net's output is what is refined."
    )
