"""Continuous flows: a part of tests/cases.py."""

from pyrodgm import Embedded, flows, infer, models, nn, plots, transforms

TIGHT = {"rtol": 1e-8, "atol": 1e-8}  # the contracts compare to 1e-6
QUICK = {"hidden_dims": (8,), "solver": "midpoint", "step_size": 0.5}


def continuous(dim, context_dim=0, hidden_dims=(8,), **kwargs):
    field = nn.ConcatSquashMLP(dim, hidden_dims=hidden_dims, context_dim=context_dim)
    return transforms.Continuous(field, dim, context_dim=context_dim, **kwargs)


def stack():
    blocks = [continuous(2, solver="rk4", adjoint="checkpoint") for _ in range(2)]
    return transforms.ContinuousStack([*blocks, transforms.Elementwise(transforms.Affine(), 2)])


BIJECTIONS = {
    "Continuous, linear field": (lambda: continuous(2, hidden_dims=(), **TIGHT), 2),
    "Continuous, checkpoint, context": (lambda: continuous(3, 2, solver="rk4", adjoint="checkpoint"), 3),
    "Continuous, graph, one feature": (lambda: continuous(1, solver="rk4", adjoint=None), 1),
    "ContinuousStack": (stack, 2),
}

CONDITIONALS = {
    "cnf, one feature": (lambda: flows.cnf(1, hidden_dims=(8,), adjoint="checkpoint"), True),
    "cnf, two features, context": (lambda: flows.cnf(2, 3, hidden_dims=(8,)), False),
    "cnf, odd, graph": (lambda: flows.cnf(5, adjoint=None, **QUICK), False),
}

MODELS = {
    "Density, cnf": (lambda: models.Density(flows.cnf(6, adjoint="checkpoint", **QUICK)), "real", 0),
    "VAE, cnf prior": (lambda: models.vae(6, 2, prior=flows.cnf(2, **QUICK), hidden_dims=(16,)), "binary", 0),
    "VAE, cnf posterior": (
        lambda: models.vae(
            6, 2, posterior=Embedded(nn.MLP(6, 8), flows.cnf(2, 8, adjoint="checkpoint", **QUICK)), hidden_dims=(16,)
        ),
        "binary",
        0,
    ),
}

# Each has a test file of its own; the estimate of a trace is another number at each call, so that no contract holds.
OWN_TESTS = (
    *(nn.ConcatSquashConv, nn.ConcatSquashMLP, nn.VectorField, flows.ffjord, transforms.Continuous),
    *(infer.Regularized, plots.trajectories),
)
