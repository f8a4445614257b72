"""NADE for real variables."""

from collections.abc import Callable, Sequence

from torch import Tensor

from pyrodgm.autoregressive.autoregressive import Autoregressive
from pyrodgm.heads.head import Head
from pyrodgm.heads.mixtures import MixtureNormal
from pyrodgm.nn.nade import NADE


def rnade(
    input_dim: int,
    context_dim: int = 0,
    *,
    num_components: int = 10,
    hidden_dim: int = 50,
    component: Callable[[int], Head] = MixtureNormal,
    order: Sequence[int] | Tensor | None = None,
) -> Autoregressive:
    r"""RNADE: a mixture :math:`p(x_d \mid x_{<d}) = \sum_k \pi_{dk}\, p(x_d; \mu_{dk}, \sigma_{dk})` for each variable.

    Its parameters are linear in hidden units :math:`h_d = \sigma(\rho_d\, (c + W_{:, <d}\, x_{<d}))`; the learned
    :math:`\rho_d` keep sums of more and more features from saturating. Standardize the data first.

    Args:
        input_dim: Number :math:`D` of variables.
        context_dim: Number of context features, added to :math:`c`; 0 makes the model unconditional.
        num_components: Number of components of each mixture.
        hidden_dim: Number of hidden units.
        component: Makes the head from the number of components: ``heads.MixtureNormal`` or ``heads.MixtureLaplace``.
        order: ``order[k]`` is the variable that comes ``k``-th; ``0 .. D-1`` by default.

    Returns:
        A module; ``model(context)`` has ``batch_shape == context.shape[:-1]`` and ``event_shape == (input_dim,)``.

    Raises:
        ValueError: If a size is not positive, or the order is no permutation.

    Example:
        >>> import torch
        >>> from pyrodgm import autoregressive as ar, heads
        >>> ar.rnade(11, num_components=10)().log_prob(torch.randn(5, 11)).shape
        torch.Size([5])
        >>> ar.rnade(11, num_components=3, component=heads.MixtureLaplace).sample((5,)).shape
        torch.Size([5, 11])

    References:
        Uria, Murray, Larochelle (2013), RNADE: The Real-valued Neural Autoregressive Density-estimator, section 3,
        https://arxiv.org/abs/1306.0186
    """
    head = component(num_components)
    net = NADE(input_dim, head.num_params, hidden_dim=hidden_dim, context_dim=context_dim, order=order, rescale=True)
    return Autoregressive(net, head)
