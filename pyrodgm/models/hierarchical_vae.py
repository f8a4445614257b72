"""The hierarchical variational autoencoder: a chain of latents, and three ways to climb it."""

import itertools
from collections.abc import Sequence
from typing import Literal, cast, get_args

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from pyrodgm.conditional import Conditional
from pyrodgm.models.checks import check_rows, check_support
from pyrodgm.models.model import Model
from pyrodgm.models.program import Program, data_plate, num_rows
from pyrodgm.models.vae import VAE, expectation, extra_width, join
from pyrodgm.priors import VampPrior
from pyrodgm.priors.posterior_mixture import PosteriorMixture
from pyrodgm.transforms.univariate.checks import validation_enabled

Inference = Literal["bottom_up", "top_down", "ladder"]


class HierarchicalVAE(Model):
    r"""A chain of latents, :math:`p(x \mid z_0)\, p(z_0 \mid z_1) \cdots p(z_{L-2} \mid z_{L-1})\, p(z_{L-1})`.

    Sites are ``z_0``, nearest to ``x``, to ``z_{L-1}``, the top. The guide is one of

    - ``"bottom_up"``: :math:`q(z_0 \mid x)`, then :math:`q(z_l \mid z_{l-1})`, or :math:`q(z_l \mid z_{l-1}, x)` where
      the posterior is wide enough for a flattened ``x`` beside;
    - ``"top_down"``: :math:`q(z_{L-1} \mid x)`, then :math:`q(z_l \mid x, z_{l+1})`;
    - ``"ladder"``: :math:`q(z_{L-1} \mid x)`, then the normal proportional to
      :math:`q_l(z_l \mid x)\, p(z_l \mid z_{l+1})`, what the posterior saw and what the model expects weighted by their
      precisions. Both must be diagonal normals.

    A likelihood that is wide enough reads all latents, :math:`p(x \mid z_0, \dots, z_{L-1})`. As in
    :class:`~pyrodgm.models.VAE`, a component takes a context ``c`` if there is still room for it: parts stand side by
    side in the order in which they are named here, ``c`` last (beside images they are spread over the pixels).

    Args:
        prior: :math:`p(z_{L-1})`, or given ``c``.
        conditionals: :math:`p(z_l \mid z_{l+1})` for :math:`l = 0, \dots, L - 2`.
        likelihood: :math:`p(x \mid z_0)` or :math:`p(x \mid z_0, \dots, z_{L-1})`.
        posteriors: One a layer, from ``z_0`` up.
        inference: How the guide climbs.

    Raises:
        ValueError: If the numbers of layers, or the sizes of latents or contexts, disagree, or the prior is a mixture
            of another posterior than the top one.

    Example:
        >>> import torch
        >>> from pyro.infer import Trace_ELBO
        >>> from pyrodgm import models
        >>> model = models.hierarchical_vae(64, (8, 4), inference="ladder", hidden_dims=(32,))
        >>> Trace_ELBO()(model.model, model.guide)(torch.rand(5, 64).round()).shape
        torch.Size([])
        >>> [z.shape for z in model.encode(torch.rand(5, 64).round())]
        [torch.Size([5, 8]), torch.Size([5, 4])]

    References:
        Sonderby, Raiko, Maaloe, Sonderby, Winther (2016), Ladder Variational Autoencoders, section 2,
        https://arxiv.org/abs/1602.02282; Tomczak, Welling (2018), VAE with a VampPrior, section 4,
        https://arxiv.org/abs/1705.07120
    """

    def __init__(
        self,
        prior: Conditional,
        conditionals: Sequence[Conditional],
        likelihood: Conditional,
        posteriors: Sequence[Conditional],
        *,
        inference: Inference = "bottom_up",
    ) -> None:
        super().__init__()
        if inference not in get_args(Inference):
            raise ValueError(f"Expected inference to be one of {', '.join(get_args(Inference))}; got {inference!r}.")
        if not posteriors or len(conditionals) != len(posteriors) - 1:
            raise ValueError(
                f"Expected one conditional fewer than posteriors; got {len(conditionals)} and {len(posteriors)}. "
                "Give a posterior for each layer and a conditional below each but the lowest."
            )
        for level, (p, q) in enumerate(zip((*conditionals, prior), posteriors, strict=True)):
            if p.event_shape != q.event_shape:
                raise ValueError(
                    f"Expected one size of z_{level} in model and guide; got {tuple(p.event_shape)} from the model and "
                    f"{tuple(q.event_shape)} from its posterior. Build both with the same latent_dim."
                )
        if isinstance(prior, PosteriorMixture):
            prior.check_encoder(posteriors[-1])
        self.prior = prior
        self.conditionals = nn.ModuleList(conditionals)
        self.likelihood = likelihood
        self.posteriors = nn.ModuleList(posteriors)
        self.inference = inference
        self.event_shape = likelihood.event_shape
        self.num_layers = len(posteriors)
        self.context_dim = self._context_dim()
        model = HierarchicalModel(prior, self.conditionals, likelihood)
        guide = HierarchicalGuide(self.posteriors, self.conditionals, self.event_shape, inference)
        self.pair(model, guide)

    @classmethod
    def from_stack(cls, vaes: Sequence[VAE]) -> "HierarchicalVAE":
        r"""Stack VAEs, each trained on encodings of the one before, into one model with bottom-up inference.

        The prior is the last one's; that of each other is replaced by the likelihood of the next. Further training
        tunes all layers together.

        Args:
            vaes: The first models ``x``, each other the latents of the one before.

        Raises:
            ValueError: If there is none, or one does not model the latents of the one before.

        Example:
            >>> from pyrodgm import heads, models, nn
            >>> from pyrodgm import Neural
            >>> first = models.vae(64, 8, hidden_dims=(32,))
            >>> second = models.vae(8, 4, hidden_dims=(32,), likelihood=Neural(nn.MLP(4, 16), heads.Normal(8)))
            >>> models.HierarchicalVAE.from_stack([first, second]).sample(5).shape
            torch.Size([5, 64])
        """
        if not vaes:
            raise ValueError("Expected at least one VAE; got none. Train the first on the data.")
        for number, (lower, upper) in enumerate(itertools.pairwise(vaes)):
            if upper.event_shape != lower.posterior.event_shape:
                raise ValueError(
                    f"Expected VAE {number + 1} to model the latents of VAE {number}, of shape "
                    f"{tuple(lower.posterior.event_shape)}; got {tuple(upper.event_shape)}. Train it on encodings."
                )
        conditionals = [vae.likelihood for vae in vaes[1:]]
        return cls(vaes[-1].prior, conditionals, vaes[0].likelihood, [vae.posterior for vae in vaes])

    @torch.no_grad()
    def initialize(self, x: Tensor, context: Tensor | None = None) -> None:
        """Start the pseudo-inputs of a :class:`~pyrodgm.priors.VampPrior` from what the top posterior reads of data."""
        if isinstance(self.prior, VampPrior):
            guide, top = self.guide, self.num_layers - 1
            below = guide.means(x, context, up_to=top) if self.inference == "bottom_up" else {}
            self.prior.start_from(guide.inputs(top, x, below, context))

    def observation(self, context: Tensor | None) -> Distribution:
        """Return ``p(x | z, c)`` at one draw of the latents."""
        model = self.model
        latents = {self.num_layers - 1: model.top(context).sample(() if self.prior.context_shape else (1,))}
        for level in reversed(range(self.num_layers - 1)):
            latents[level] = model.layer(level, latents[level + 1], context).sample()
        return model.observation(latents, context)

    @torch.no_grad()
    def encode(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the posterior means ``z_0, ..., z_{L-1}``, each given the means before it, drawn where there are none.

        Returns:
            One tensor a layer, ``(num_rows, *latent_shape)``.
        """
        means = self.guide.means(x, context)
        return tuple(means[level] for level in range(self.num_layers))

    @torch.no_grad()
    def reconstruct(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the mean of ``p(x | z, c)`` at the encoded latents, or a draw of it where it has none in closed form.

        Returns:
            ``(num_rows, *event_shape)``.
        """
        p = self.model.observation(self.guide.means(x, context), context)
        try:
            return expectation(p)
        except NotImplementedError:
            return p.sample()

    @property
    def model(self) -> "HierarchicalModel":
        """The generative program, with the observed site ``"x"``."""
        return cast(HierarchicalModel, self._programs[0])

    @property
    def guide(self) -> "HierarchicalGuide":
        """The program of the approximate posterior."""
        return cast(HierarchicalGuide, self._programs[1])

    def _context_dim(self) -> int:
        """Return the one width of context that components leave room for.

        Raises:
            ValueError: If a component does not read what it should, or there are several widths.
        """
        shapes = [cast(Conditional, q).event_shape for q in self.posteriors]
        dims, top = [shape.numel() for shape in shapes], len(shapes) - 1
        width = extra_width(self.likelihood.context_shape, shapes[0], "likelihood", "z_0")
        widths = {self.prior.context_dim, width - sum(dims[1:]) if width >= sum(dims[1:]) else width}
        for level, p in enumerate(self.conditionals):
            shape = cast(Conditional, p).context_shape
            widths.add(extra_width(shape, shapes[level + 1], f"conditional of z_{level}", f"z_{level + 1}"))
        for level, q in enumerate(self.posteriors):
            name, shape = f"posterior of z_{level}", cast(Conditional, q).context_shape
            if self.inference == "bottom_up" and level > 0:
                width = extra_width(shape, shapes[level - 1], name, f"z_{level - 1}")
                widths.add(width - self.event_shape.numel() if width >= self.event_shape.numel() else width)
                continue
            width = extra_width(shape, self.event_shape, name, "x")
            beside = dims[level + 1] if self.inference == "top_down" and level < top else 0
            if width < beside:
                raise ValueError(
                    f"Expected a {name} that takes x and z_{level + 1}, {self.event_shape[0]} + {beside} wide; got "
                    f"{shape[0]}. Build it wide enough, or choose another inference."
                )
            widths.add(width - beside)
        widths -= {0}
        if len(widths) > 1:
            raise ValueError(f"Expected one width of context; got {sorted(widths)}. Build all with one context.")
        return widths.pop() if widths else 0


class HierarchicalModel(Program):
    """The program ``z_{L-1} ~ p(z_{L-1} | c); ...; z_0 ~ p(z_0 | z_1, c); x ~ p(x | z_0, c)``."""

    def __init__(self, prior: Conditional, conditionals: nn.ModuleList, likelihood: Conditional) -> None:
        super().__init__()
        self.prior = prior
        self.conditionals = conditionals
        self.likelihood = likelihood

    def forward(
        self, x: Tensor | None = None, context: Tensor | None = None, *, size: int | None = None, num: int = 1
    ) -> Tensor:
        """Sample the latents from the top, and sample or score ``x``."""
        with data_plate(num_rows(x, context, num), size):
            top = len(self.conditionals)
            latents = {top: pyro.sample(f"z_{top}", self.top(context))}
            for level in reversed(range(top)):
                latents[level] = pyro.sample(f"z_{level}", self.layer(level, latents[level + 1], context))
            distribution = self.observation(latents, context)
            if x is not None and validation_enabled():
                check_support(distribution, x)
            return pyro.sample("x", distribution, obs=x)

    def top(self, context: Tensor | None) -> TorchDistribution:
        """Return ``p(z_{L-1} | c)``."""
        prior = self.prior
        return cast(TorchDistribution, prior(context if prior.context_shape else None))

    def layer(self, level: int, above: Tensor, context: Tensor | None) -> TorchDistribution:
        """Return ``p(z_level | z_{level+1}, c)``."""
        return from_above(self.conditionals[level], above, context)

    def observation(self, latents: dict[int, Tensor], context: Tensor | None) -> TorchDistribution:
        """Return ``p(x | z_0, c)``, or that given all latents if the likelihood is wide enough."""
        likelihood = self.likelihood
        shape = likelihood.context_shape
        upper = [cast(Conditional, p).event_shape for p in (*self.conditionals, self.prior)][1:]
        others = [latents[level].flatten(latents[level].dim() - len(own)) for level, own in enumerate(upper, 1)]
        fits = shape[0] - latents[0].shape[-len(shape)] >= sum(z.shape[-1] for z in others)
        return cast(TorchDistribution, likelihood(side_by_side(latents[0], others if fits else [], context, shape)))


class HierarchicalGuide(Program):
    """The program that samples the latents given ``x``, from below or from above."""

    def __init__(
        self, posteriors: nn.ModuleList, conditionals: nn.ModuleList, event_shape: torch.Size, inference: Inference
    ) -> None:
        super().__init__()
        self.posteriors = posteriors
        if inference == "ladder":
            self.conditionals = conditionals
        self.event_shape = event_shape
        self.inference = inference

    def forward(self, x: Tensor, context: Tensor | None = None, *, size: int | None = None) -> Tensor:
        """Sample the latents, and return the last."""
        if validation_enabled():
            check_rows(x, self.event_shape)
        latents: dict[int, Tensor] = {}
        with data_plate(len(x), size):
            for level in self.levels:
                z = latents[level] = pyro.sample(f"z_{level}", self.layer(level, x, latents, context))
        return z

    @property
    def levels(self) -> range:
        """The layers in the order in which they are sampled."""
        num = len(self.posteriors)
        return range(num) if self.inference == "bottom_up" else range(num - 1, -1, -1)

    def layer(self, level: int, x: Tensor, latents: dict[int, Tensor], context: Tensor | None) -> TorchDistribution:
        """Return ``q(z_level | ...)`` given the latents that were sampled before."""
        q = self.posteriors[level](self.inputs(level, x, latents, context))
        if self.inference == "ladder" and level + 1 in latents:
            return normal_product(q, from_above(self.conditionals[level], latents[level + 1], context))
        return cast(TorchDistribution, q)

    def inputs(self, level: int, x: Tensor, latents: dict[int, Tensor], context: Tensor | None) -> Tensor:
        """Return what the posterior of a layer reads, ``(*batch, *context_shape)``."""
        shape = cast(Conditional, self.posteriors[level]).context_shape
        if self.inference == "bottom_up" and level > 0:
            below = latents[level - 1]
            flat = x.flatten(x.dim() - len(self.event_shape))
            fits = shape[0] - below.shape[-len(shape)] >= flat.shape[-1]
            return side_by_side(below, [flat] if fits else [], context, shape)
        if self.inference == "top_down" and level + 1 in latents:
            above = cast(Conditional, self.posteriors[level + 1])
            z = latents[level + 1]
            return side_by_side(x, [z.flatten(z.dim() - len(above.event_shape))], context, shape)
        return join(x, context, shape)

    def means(self, x: Tensor, context: Tensor | None, *, up_to: int | None = None) -> dict[int, Tensor]:
        """Return the mean of each layer given the means before it, or a draw where it has none in closed form."""
        latents: dict[int, Tensor] = {}
        for level in self.levels[:up_to]:
            q = self.layer(level, x, latents, context)
            try:
                latents[level] = q.mean
            except NotImplementedError:
                latents[level] = q.sample()
        return latents


def from_above(conditional: nn.Module, above: Tensor, context: Tensor | None) -> TorchDistribution:
    """Return ``p(z_l | z_{l+1}, c)``."""
    shape = cast(Conditional, conditional).context_shape
    return cast(TorchDistribution, conditional(join(above, context, shape)))


def side_by_side(own: Tensor, parts: list[Tensor], context: Tensor | None, shape: Sequence[int]) -> Tensor:
    """Put vectors, and the context if a component of that ``shape`` has room for it, beside the component's own input.

    Raises:
        ValueError: If there is room for a context, and none is given.
    """
    room = shape[0] - own.shape[-len(shape)] - sum(part.shape[-1] for part in parts)
    if room and context is None:
        raise ValueError(f"Expected a context of shape (num_rows, {room}); got None. Pass the context.")
    if room and context is not None:
        parts = [*parts, context]
    if not parts:
        return own
    batch = torch.broadcast_shapes(*(part.shape[:-1] for part in parts))
    return join(own, torch.cat([part.expand(*batch, -1) for part in parts], -1), shape)


def normal_product(q: Distribution, p: Distribution) -> TorchDistribution:
    """Return the normal proportional to the product of two diagonal normals: precisions add up.

    Raises:
        ValueError: If one of them is not a diagonal normal.
    """
    (loc_q, scale_q), (loc_p, scale_p) = (normal_moments(part) for part in (q, p))
    var_q, var_p = scale_q.square(), scale_p.square()
    total = var_q + var_p
    loc = (loc_q * var_p + loc_p * var_q) / total
    return dist.Normal(loc, scale_q * scale_p / total.sqrt()).to_event(len(q.event_shape))


def normal_moments(distribution: Distribution) -> tuple[Tensor, Tensor]:
    """Return mean and scale of a diagonal normal.

    Raises:
        ValueError: If it is another distribution.
    """
    innermost = distribution
    while isinstance(innermost, Independent):
        innermost = innermost.base_dist
    if not isinstance(innermost, Normal):
        raise ValueError(
            f"Expected diagonal normals for ladder inference; got {type(innermost).__name__}. "
            'Use heads.Normal, or inference="top_down".'
        )
    return innermost.loc, innermost.scale
