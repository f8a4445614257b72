"""Bad input to continuous flows: a part of the table in tests/test_bad_input.py."""

import torch
from torch import nn as torch_nn

from pyrodgm import flows, nn, plots, transforms


class Field(torch_nn.Module):
    """A field that returns what it is told to."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, t, z, context):
        return self.function(z)


def continuous(field=None, shape=2, **kwargs):
    return transforms.Continuous(field or nn.ConcatSquashMLP(2, hidden_dims=(4,)), shape, **kwargs)


def run(bijection, *args):
    return bijection.forward_and_ladj(*args)


def with_nan():
    z = torch.zeros(3, 2)
    z[1, 0] = torch.nan
    return z


LIMITS = (-3, 3, -3, 3)

CASES = {
    "unknown solver": (
        lambda: flows.cnf(2, solver="dopri4"),
        r"Expected solver to be one of dopri5, dopri8, bosh3, .*, euler, .*, rk4, .*, scipy_solver; got 'dopri4'\.",
    ),
    "unknown adjoint": (
        lambda: flows.cnf(2, adjoint="full"),
        r"Expected adjoint to be one of 'torchdiffeq', 'checkpoint' or None; got 'full'\.",
    ),
    "checkpoints of a solver without a tableau": (
        lambda: flows.cnf(2, solver="dopri8", adjoint="checkpoint"),
        r"Expected solver to be one of dopri5, euler, .*, rk4 with adjoint='checkpoint'; got 'dopri8'\. Choose .*, or",
    ),
    "the graph of scipy": (
        lambda: flows.cnf(2, solver="scipy_solver", adjoint=None),
        r"Expected adjoint='torchdiffeq' with solver 'scipy_solver'; got None\.",
    ),
    "unknown trace": (
        lambda: flows.cnf(2, trace="hutch"),
        r"Expected trace to be one of 'auto', 'exact', 'hutchinson'; got 'hutch'\.",
    ),
    "unknown probe": (
        lambda: continuous(probe="uniform"),
        r"Expected probe to be one of 'rademacher', 'gaussian'; got 'uniform'\.",
    ),
    **{
        f"{name} of {value}": (
            lambda name=name, value=value: flows.cnf(2, **{name: value}),
            rf"Expected {name} > 0; got {value}\. Give 1e-5, say: no solver is exact\.",
        )
        for name in ("rtol", "atol")
        for value in (0.0, -0.1)
    },
    "tolerance that is no number": (lambda: flows.cnf(2, rtol=float("nan")), r"Expected rtol > 0; got nan\."),
    "evaluation by an unknown solver": (
        lambda: flows.cnf(2, eval_solver="rk5"),
        r"Expected solver to be one of dopri5, .*; got 'rk5'\. Choose one\.",
    ),
    "step of no length": (lambda: flows.cnf(2, solver="rk4", step_size=0.0), r"Expected step_size > 0; got 0\.0\."),
    "step of an adaptive solver": (
        lambda: flows.cnf(2, step_size=0.1),
        r"Expected no step_size with solver 'dopri5', which chooses its steps; got 0\.1\. Give tolerances, or a fixed",
    ),
    **{
        f"interval {interval}": (
            lambda interval=interval: continuous(interval=interval),
            r"Expected an interval of increasing finite times; got \(.*\)\. The base is at the first",
        )
        for interval in ((1.0, 0.0), (0.5, 0.5), (0.0, float("inf")))
    },
    "no probes": (lambda: continuous(num_probes=0), r"Expected num_probes of at least 1; got 0\."),
    "no probes, ffjord": (lambda: flows.ffjord(2, num_probes=0), r"Expected num_probes of at least 1; got 0\."),
    "negative penalty": (
        lambda: flows.cnf(2, kinetic_weight=-1.0),
        r"Expected kinetic_weight of at least 0; got -1\.0\. 0 leaves the penalty out\.",
    ),
    "negative penalty on the Jacobian": (
        lambda: flows.ffjord(2, jacobian_weight=-1.0),
        r"Expected jacobian_weight of at least 0; got -1\.0\.",
    ),
    "field of another width": (
        lambda: run(continuous(Field(lambda z: torch.cat((z, z), -1))), torch.zeros(3, 2)),
        r"Expected the field to return the shape of z, \(3, 2\); got \(3, 4\) from Field\. Give a field from R\^D to",
    ),
    "field without a batch": (
        lambda: run(continuous(Field(lambda z: z.sum(0)), adjoint="checkpoint"), torch.zeros(3, 2)),
        r"Expected the field to return the shape of z, \(3, 2\); got \(2,\) from Field\.",
    ),
    "field that is a function": (
        lambda: continuous(torch.sin),
        r"Expected a field that is a torch module; got builtin_function_or_method\. Write a module whose forward\(t, z",
    ),
    "field that is no number": (
        lambda: run(continuous(Field(lambda z: z / 0.0), solver="rk4"), torch.zeros(3, 2)),
        r"Expected finite states; got NaN or inf at the time 1\. See that the field is finite and bounded",
    ),
    "states that are no numbers": (
        lambda: run(continuous(), with_nan()),
        r"Expected finite states; got NaN or inf to start from\. Remove such rows\.",
    ),
    "events of another width than the field": (
        lambda: run(continuous(), torch.zeros(3, 4)),
        r"Expected events of shape \(\*batch, 2\); got \(3, 4\)\. Build the map with the shape of the events\.",
    ),
    "event of no dimension": (
        lambda: run(continuous(), torch.tensor(0.0)),
        r"Expected events of shape \(\*batch, 2\); got \(\)\.",
    ),
    "continuous map of no event": (
        lambda: continuous(shape=()),
        r"Expected shape_or_dim of positive sizes; got \(\)\. Name the shape of one event\.",
    ),
    "continuous map without its context": (
        lambda: run(flows.cnf(2, 3).bijection, torch.zeros(5, 2)),
        r"Expected context of shape \(\*batch, 3\); got None\. Pass a context of that shape\.",
    ),
    "continuous map with a context too many": (
        lambda: run(flows.cnf(2).bijection, torch.zeros(5, 2), torch.zeros(5, 3)),
        r"Expected no context; got one of shape \(5, 3\)\. Build the map with context_dim > 0, or leave",
    ),
    "time outside of the interval": (
        lambda: continuous().trajectory(torch.zeros(3, 2), [0.0, 1.5]),
        r"Expected times in \[0, 1\], at least one; got \[0\.0, 1\.5\]\. Choose some inside\.",
    ),
    "no time": (lambda: continuous().trajectory(torch.zeros(3, 2), []), r"Expected times in \[0, 1\], at least one"),
    "cnf of no feature": (lambda: flows.cnf(0), r"Expected input_dim of at least 1; got 0\."),
    "ffjord of no block": (lambda: flows.ffjord(2, num_blocks=0), r"Expected num_blocks of at least 1; got 0\."),
    "ffjord of a picture without channels": (
        lambda: flows.ffjord((8, 8)),
        r"Expected shape to be \(channels, height, width\); got \(8, 8\)\. Give a grey image one channel\.",
    ),
    "ffjord with a margin too wide": (lambda: flows.ffjord(2, logit=0.5), r"Expected alpha in \[0, 0\.5\); got 0\.5\."),
    "field with a kink": (
        lambda: nn.ConcatSquashMLP(2, activation=torch_nn.ReLU),
        r"Expected a smooth activation, one of torch\.nn\.Tanh, torch\.nn\.Softplus; got ReLU\. Adaptive solvers need",
    ),
    "field of an even kernel": (
        lambda: nn.ConcatSquashConv((1, 4, 4), kernel_size=2),
        r"Expected an odd kernel_size; got 2\. Give 3, say\.",
    ),
    "field of another image": (
        lambda: nn.ConcatSquashConv((1, 4, 4))(torch.tensor(0.0), torch.zeros(3, 1, 4, 5)),
        r"Expected z of shape \(\*batch, 1, 4, 4\); got \(3, 1, 4, 5\)\. Build the field with the shape of one image\.",
    ),
    "field of images without its context": (
        lambda: nn.ConcatSquashConv((1, 4, 4), context_dim=2)(torch.tensor(0.0), torch.zeros(3, 1, 4, 4)),
        r"Expected context of shape \(\*batch, 2\); got None\. Build the field with the width of the context\.",
    ),
    "trajectories of a flow of layers": (
        lambda: plots.trajectories(flows.realnvp(2), LIMITS),
        r"Expected a flow whose bijection is a transforms\.Continuous; got Compose\. Build it by flows\.cnf\.",
    ),
    "trajectories in space": (
        lambda: plots.trajectories(flows.cnf(3), LIMITS),
        r"Expected a flow over the plane, event_shape \(2,\); got \(3,\)\. Draw one of two\.",
    ),
    "trajectories of one time": (
        lambda: plots.trajectories(flows.cnf(2), LIMITS, num_times=1),
        r"Expected num_times >= 2 and num_particles >= 1; got 1 and 500\. Give 8 times, say\.",
    ),
    "trajectories within nothing": (
        lambda: plots.trajectories(flows.cnf(2), (3, -3, -3, 3)),
        r"Expected limits \(x_min, x_max, y_min, y_max\) that increase; got \(3, -3, -3, 3\)\.",
    ),
}
