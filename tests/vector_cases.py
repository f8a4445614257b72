"""Autoregressive models of vectors: a part of tests/cases.py."""

from pyrodgm import autoregressive as ar
from pyrodgm import heads, nn

CAUSAL_NETS = {
    "MaskedMLP, no hidden layer": (lambda: nn.MaskedMLP(5, 2, hidden_dims=(), order=[3, 1, 4, 0, 2]), True, None),
    "MaskedMLP, no hidden layer, context": (lambda: nn.MaskedMLP(4, 1, hidden_dims=(), context_dim=2), True, 2),
    "MaskedMLP, direct, context": (
        lambda: nn.MaskedMLP(5, 2, hidden_dims=(9,), context_dim=2, order=[3, 1, 4, 0, 2], direct=True),
        True,
        None,
    ),
    "MaskedMLP, direct, graph": (
        lambda: nn.MaskedMLP(3, 2, hidden_dims=(9,), adjacency=[[0, 0, 0], [1, 0, 0], [1, 0, 0]], direct=True),
        False,
        None,
    ),
    "MaskedEnsemble, member": (
        lambda: nn.MaskedEnsemble(5, 2, hidden_dims=(32, 33), num_orders=3, num_masks=2).member(5),
        True,
        None,
    ),
    "MaskedEnsemble, member, direct, context": (
        lambda: nn.MaskedEnsemble(5, 2, hidden_dims=(9,), context_dim=2, num_orders=None, direct=True).draw(),
        True,
        None,
    ),
    "NADE": (lambda: nn.NADE(5, 1, hidden_dim=8, order=[3, 1, 4, 0, 2]), True, 2),
    "NADE, several blocks, context": (lambda: nn.NADE(35, 2, hidden_dim=8, context_dim=2), True, 2),
    "NADE, rescaled, context": (
        lambda: nn.NADE(5, 12, hidden_dim=8, context_dim=2, order=[3, 1, 4, 0, 2], rescale=True),
        True,
        None,
    ),
    "NADE, one feature": (lambda: nn.NADE(1, 2, hidden_dim=8), True, None),
    "PerConditionalMLP": (lambda: nn.PerConditionalMLP(5, 1, order=[3, 1, 4, 0, 2]), True, 2),
    "PerConditionalMLP, two layers, context": (
        lambda: nn.PerConditionalMLP(5, 3, hidden_dims=(8, 9), context_dim=2),
        True,
        None,
    ),
}

CONDITIONALS = {
    "fvsbn": (lambda: ar.fvsbn(8), True),
    "fvsbn, order, context": (lambda: ar.fvsbn(4, 3, order=[2, 0, 3, 1]), True),
    "per_conditional_mlp": (lambda: ar.per_conditional_mlp(8, hidden_dims=(5, 4)), True),
    "per_conditional_mlp, order, context": (lambda: ar.per_conditional_mlp(4, 3, order=[2, 0, 3, 1]), True),
    "nade": (lambda: ar.nade(8, hidden_dim=6), True),
    "nade, order, context": (lambda: ar.nade(4, 3, hidden_dim=6, order=[2, 0, 3, 1]), True),
    "rnade": (lambda: ar.rnade(2, num_components=3, hidden_dim=8), True),
    "rnade, Laplace, order, context": (
        lambda: ar.rnade(2, 3, num_components=2, hidden_dim=8, component=heads.MixtureLaplace, order=[1, 0]),
        True,
    ),
    "made": (lambda: ar.made(8, hidden_dims=(17, 16)), True),
    "made, direct, context": (lambda: ar.made(4, 3, hidden_dims=(16,), direct=True), True),
    "made, orders and masks": (lambda: ar.made(6, hidden_dims=(16,), num_orders=2, num_masks=2).eval(), True),
    "made, every order, context": (
        lambda: ar.made(4, 3, hidden_dims=(16, 17), num_orders=None, direct=True).eval(),
        True,
    ),
}
