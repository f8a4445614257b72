"""Bad input to transforms and flows, with its messages: a part of the table in tests/test_bad_input.py."""

import math

import torch

from pyrodgm import flows, nn, transforms

NAN = math.nan


def amplifier():
    bijection = transforms.Elementwise(transforms.Affine(), 2)
    torch.nn.init.constant_(bijection.params, 2.0)
    return bijection


def constant_columns():
    return torch.cat([torch.randn(5, 1), torch.ones(5, 1), torch.randn(5, 1), torch.zeros(5, 1)], 1)


def with_bad_row(value):
    x = torch.zeros(5, 4)
    x[3, 1] = value
    return x


CASES = {
    "no permutation": (lambda: transforms.Permute([0, 2, 2]), r"Expected a permutation of 0 \.\. 2; got \[0, 2, 2\]\."),
    "a coupling that moves nothing": (
        lambda: transforms.Coupling(1, transforms.Affine(), nn.MLP(1, 1), flip=True),
        r"Expected features that move; got 1 with flip=True\. Build it with flip=False\.",
    ),
    **{
        f"{type(bijection).__name__} of wider events, {method}": (
            lambda bijection=bijection, method=method: getattr(bijection, method)(torch.randn(5, 4)),
            r"Expected events of shape \(\*batch, 2\); got \(5, 4\)\. Build the \w+ (for|with) the width of",
        )
        for bijection in (transforms.Permute([1, 0]), transforms.Coupling(2, transforms.Affine(), nn.MLP(1, 2)))
        for method in ("forward_and_ladj", "inverse_and_ladj")
    },
    "no order": (
        lambda: nn.MaskedMLP(3, 2, order=[0, 1, 3]),
        r"Expected order to hold each of 0 \.\. 2 once; got \[0, 1, 3\]\.",
    ),
    "order that is no permutation": (
        lambda: flows.maf(3, num_layers=1, orders=[[0, 1, 1]]),
        r"Expected order to hold each of 0 \.\. 2 once; got \[0, 1, 1\]\.",
    ),
    "fewer orders than layers": (
        lambda: flows.iaf(3, num_layers=2, orders=[[0, 1, 2]]),
        r"Expected one order for each of the 2 layers; got 1\. flows\.reversed_orders and flows\.random_orders make",
    ),
    "graph with a cycle": (
        lambda: flows.maf(3, num_layers=1, adjacency=[[0, 1, 0], [0, 0, 1], [1, 0, 0]]),
        r"Expected adjacency without a cycle; got the cycle (0 -> 1 -> 2 -> 0|1 -> 2 -> 0 -> 1|2 -> 0 -> 1 -> 2) ",
    ),
    "feature that depends on itself": (
        lambda: nn.MaskedMLP(2, 1, adjacency=[[0, 0], [0, 1]]),
        r"Expected adjacency without a cycle; got the cycle 1 -> 1 ",
    ),
    "graph of the wrong size": (
        lambda: flows.maf(3, num_layers=1, adjacency=[[0, 1], [0, 0]]),
        r"Expected adjacency as a \(3, 3\) matrix of 0 and 1; got shape \(2, 2\)\.",
    ),
    "graph and orders": (
        lambda: flows.maf(2, num_layers=1, adjacency=[[0, 1], [0, 0]], orders=[[1, 0]]),
        r"Expected orders or adjacency; got both\.",
    ),
    "graph and order of a net": (
        lambda: nn.MaskedMLP(2, 1, adjacency=[[0, 1], [0, 0]], order=[1, 0]),
        r"Expected order or adjacency; got both\.",
    ),
    "layers that see through a graph": (
        lambda: flows.maf(3, adjacency=[[0, 0, 0], [1, 0, 0], [0, 1, 0]]),
        r"Expected num_layers=1 with this adjacency; .* feature 2 would see feature 0 through feature 1\. Use one",
    ),
    "net too narrow for its graph": (
        lambda: nn.MaskedMLP(3, 1, hidden_dims=(2,), adjacency=[[0, 0, 0], [1, 0, 0], [0, 1, 0]]),
        r"Expected hidden_dims of at least 3, the different rows of adjacency; got 2\.",
    ),
    "no data to initialize from": (
        lambda: flows.maf(2).initialize(torch.zeros(0, 2)),
        r"Expected x of shape \(num, 2\), num > 0; got \(0, 2\)\.",
    ),
    "NaN to initialize from": (
        lambda: flows.maf(4).initialize(with_bad_row(NAN)),
        r"Expected finite x; got NaN or inf in row 3\. Remove such rows\.",
    ),
    "one row to initialize from": (
        lambda: flows.maf(2).initialize(torch.zeros(1, 2)),
        r"Expected at least 2 rows to initialize Affine; got 1\.",
    ),
    "constant columns": (
        lambda: flows.nice(3).initialize(torch.randn(9, 3) * torch.tensor([1.0, 0.0, 0.0])),
        r"Expected columns that vary to initialize Affine; got one value only in column\(s\) \[1, 2\]\.",
    ),
    "nothing to extend by": (lambda: flows.extend(flows.maf(2), []), r"Expected at least one bijection; got an empty"),
    **{
        f"{kind.__name__} from constant columns": (
            lambda kind=kind: kind(4).initialize(constant_columns()),
            rf"Expected columns that vary to initialize {kind.__name__}; got one value only in column\(s\) \[1, 3\]\.",
        )
        for kind in (transforms.LULinear, transforms.ActNorm, transforms.BatchNorm)
    },
    **{
        f"{kind.__name__} from {what}": (
            lambda kind=kind, y=y: kind(4).initialize(y),
            rf"Expected {message.format(kind.__name__)}",
        )
        for kind in (transforms.LULinear, transforms.Orthogonal, transforms.ActNorm, transforms.BatchNorm)
        for what, y, message in (
            ("one row", torch.zeros(1, 4), r"at least 2 rows to initialize {}; got 1\. Pass more of the data\."),
            ("NaN", with_bad_row(NAN), r"finite rows to initialize {}; got NaN or inf in row 3\. Remove such rows\."),
            ("another width", torch.zeros(5, 3), r"y of shape \(num, 4\) to initialize {}; got \(5, 3\)\. One datum a"),
        )
    },
    "permutation of other features": (
        lambda: transforms.LULinear(4, permutation=[1, 0]),
        r"Expected a permutation of 4 features; got 2\. Name each feature once\.",
    ),
    "no reflections": (lambda: transforms.Orthogonal(3, 0), r"Expected num_reflections of at least 1; got 0\."),
    "no momentum": (lambda: transforms.BatchNorm(3, 0.0), r"Expected momentum in \(0, 1\]; got 0\.0\."),
    "no eps": (lambda: transforms.BatchNorm(3, eps=0.0), r"Expected eps > 0; got 0\.0\."),
    "context missing in an elementwise layer": (
        lambda: flows.gaussianization(3, 2).bijection.inverse_and_ladj(torch.randn(7, 3)),
        r"Expected context of shape \(\*batch, 2\); got None",
    ),
    "context missing in a planar step": (
        lambda: transforms.Planar(3, 2).inverse_and_ladj(torch.randn(7, 3)),
        r"Expected context of shape \(\*batch, 2\); got None",
    ),
    "fixed point of no contraction": (
        lambda: transforms.numerical_inverse(amplifier()).inverse_and_ladj(torch.ones(7, 2)),
        r"Expected the inverse of Elementwise to converge; got a residual of .* after \d+ steps\. Raise max_steps",
    ),
    "bisection of a falling map": (
        lambda: transforms.Bisection().solve(lambda x: -x, torch.ones(7, 2), what="a mirror"),
        r"Expected the inverse of a mirror to converge; got a residual of .* See that each feature increases in",
    ),
    "bisection in no order": (
        lambda: transforms.Bisection([0, 2]),
        r"Expected order to hold each of 0 \.\. 1 once; got \[0, 2\]\.",
    ),
    "bisection in another's order": (
        lambda: transforms.Bisection([1, 0]).solve(torch.sinh, torch.ones(7, 3), what="sinh"),
        r"Expected an order of 3 features; got one of 2\.",
    ),
    "no steps": (lambda: transforms.FixedPoint(max_steps=0), r"Expected max_steps of at least 1; got 0\."),
    "no halvings": (lambda: transforms.Bisection(max_steps=0), r"Expected max_steps of at least 1; got 0\."),
    "no tolerance": (lambda: transforms.FixedPoint(tolerance=0.0), r"Expected tolerance > 0; got 0\.0\."),
    "no damping": (lambda: transforms.FixedPoint(damping=0.0), r"Expected damping > 0; got 0\.0\."),
    "Logit of one": (
        lambda: transforms.Logit().forward_and_ladj(torch.tensor([0.5, 1.0]), torch.zeros(2, 0)),
        r"Expected values inside \(0, 1\); got 1\. Scale the data into the open interval",
    ),
    "inverse sigmoid of zero": (
        lambda: transforms.Sigmoid().inverse_and_ladj(torch.tensor([0.5, 0.0]), torch.zeros(2, 0)),
        r"Expected values inside \(0, 1\); got 0\.",
    ),
    "normal quantile of NaN": (
        lambda: transforms.NormalQuantile().forward_and_ladj(torch.tensor([0.5, NAN]), torch.zeros(2, 0)),
        r"Expected values inside \(0, 1\); got nan\.",
    ),
    "mixture's quantile of one": (
        lambda: transforms.MixtureNormalCDF(2).inverse_and_ladj(torch.tensor([1.0]), torch.zeros(1, 6)),
        r"Expected values inside \(0, 1\); got 1\.",
    ),
    "angle off the circle": (
        lambda: transforms.RationalQuadraticSpline(4, bound=math.pi, periodic=True).forward_and_ladj(
            torch.tensor([4.0]), torch.zeros(1, 13)
        ),
        r"Expected values within \[-3\.14159, 3\.14159\]; got 4\. Wrap angles first",
    ),
    "inverse of NaN": (
        lambda: transforms.Normalized(transforms.MixtureLogisticCDF(2), transforms.Logit()).inverse_and_ladj(
            torch.tensor([0.0, NAN]), torch.zeros(2, 6)
        ),
        r"Expected finite values for the inverse of Normalized; got nan\.",
    ),
    "inverse with parameters that are no numbers": (
        lambda: transforms.Normalized(transforms.MixtureLogisticCDF(2), transforms.Logit()).inverse_and_ladj(
            torch.tensor([0.0]), torch.full((1, 6), NAN)
        ),
        r"Expected the inverse of Normalized to converge; got ",
    ),
    "no components": (
        lambda: transforms.MixtureNormalCDF(0),
        r"Expected num_components to be an integer of at least 1; got 0\.",
    ),
    "fewer rows than components": (
        lambda: transforms.MixtureNormalCDF(8).fit_domain(torch.randn(5, 2)),
        r"Expected at least 8 rows to initialize MixtureNormalCDF; got 5\.",
    ),
    "empty chain": (lambda: transforms.Chain([]), r"Expected at least one univariate; got an empty list\."),
    "chain that does not fit": (
        lambda: transforms.Chain([transforms.Affine(), transforms.Logit()]),
        r"Expected a univariate that takes what Affine returns, Real\(\); got Logit, which takes Interval",
    ),
    "nothing to compose": (lambda: transforms.Compose([]), r"Expected at least one bijection; got an empty list\."),
    "contexts that differ": (
        lambda: transforms.Compose([flows.maf(3, 2).bijection, flows.maf(3, 4).bijection]),
        r"Expected bijections that share one context; got context_dim \[2, 4\]\.",
    ),
    "net of the wrong family": (
        lambda: transforms.MaskedAutoregressive(transforms.Affine(), nn.MaskedMLP(3, 5)),
        r"Expected a net with 2 parameters a feature for Affine; got 5\. Build the net with num_params=2\.",
    ),
}
