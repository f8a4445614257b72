"""Bad input to autoregressive models of vectors: a part of the table in tests/test_bad_input.py."""

import torch

from pyrodgm import autoregressive as ar
from pyrodgm import heads, nn


def ensemble():
    return ar.made(4, hidden_dims=(8,), num_orders=2).eval()


LAST = torch.tensor([[True, True, True, True], [False, False, True, True]])

CASES = {
    **{
        f"{build.__name__} in no order": (
            lambda build=build: build(3, order=[0, 1, 1]),
            r"Expected order to hold each of 0 \.\. 2 once; got \[0, 1, 1\]\.",
        )
        for build in (ar.fvsbn, ar.per_conditional_mlp, ar.nade, ar.rnade)
    },
    **{
        f"{build.__name__} of no variable": (
            lambda build=build: build(0),
            r"Expected input_dim to be an integer of at least 1; got 0\.",
        )
        for build in (ar.fvsbn, ar.per_conditional_mlp, ar.nade, ar.rnade, ar.made)
    },
    "hidden layer of half a unit": (
        lambda: ar.nade(3, hidden_dim=0.5),
        r"Expected hidden_dim to be an integer of at least 1; got 0\.5\.",
    ),
    "separate networks without a hidden layer": (
        lambda: ar.per_conditional_mlp(3, hidden_dims=()),
        r"Expected at least one hidden layer; got hidden_dims=\(\)\. Use a MaskedMLP without any\.",
    ),
    "MADE without a hidden layer": (
        lambda: ar.made(3, hidden_dims=()),
        r"Expected at least one hidden layer; got hidden_dims=\(\)\. Give their widths, or use fvsbn\.",
    ),
    "ensemble without a hidden layer": (
        lambda: nn.MaskedEnsemble(3, 1, hidden_dims=()),
        r"Expected at least one hidden layer; got hidden_dims=\(\)\. Give their widths\.",
    ),
    **{
        f"x of {width} features into {type(net).__name__} for three": (
            lambda net=net, width=width: torch.no_grad()(net)(torch.zeros(2, width)),
            rf"Expected x of shape \(\*batch, 3\); got \(2, {width}\)\. Build the network with the width of x\.",
        )
        for net in (nn.MaskedMLP(3, 1), nn.MaskedEnsemble(3, 1, hidden_dims=(8,)).member(0))
        for width in (2, 4)
    },
    "direct connections past nothing": (
        lambda: nn.MaskedMLP(3, 1, hidden_dims=(), direct=True),
        r"Expected hidden layers with direct=True; got hidden_dims=\(\)\. Leave direct out\.",
    ),
    "MADE of no orders": (
        lambda: ar.made(3, num_orders=0),
        r"Expected num_orders to be an integer of at least 1; got 0\.",
    ),
    "MADE of no masks": (
        lambda: ar.made(3, num_masks=0),
        r"Expected num_masks to be an integer of at least 1; got 0\.",
    ),
    "ensemble with a head over several variables": (
        lambda: ar.Ensemble(nn.MaskedEnsemble(4, 4, hidden_dims=(8,)), heads.Bernoulli(4)),
        r"Expected a head of one variable with 4 parameters; got Bernoulli\(event_shape=\(4,\)\) with 4\.",
    ),
    "grey values into an ensemble": (
        lambda: ensemble()().log_prob(torch.full((2, 4), 0.5)),
        r"Expected values in Boolean\(\); got 0\.5 at index \[0, 0\]\.",
    ),
    "event of another width into an ensemble": (
        lambda: ensemble()().log_prob(torch.zeros(2, 3)),
        r"Expected value of shape \(\*batch, 4\); got \(2, 3\)\.",
    ),
    "context into an ensemble without one": (
        lambda: ensemble().impute(torch.zeros(2, 4), LAST, torch.zeros(2, 3)),
        r"Expected no context; got one of shape \(2, 3\)\.",
    ),
    "mask that no order fits": (
        lambda: ensemble().impute(torch.zeros(2, 4), LAST),
        r"Expected what is observed first in a trained order; got row 1, which none of the 2 orders fits\. "
        r"Pass num_particles= to impute for importance resampling, or train with num_orders=None",
    ),
    "mask that no order fits, in a score": (
        lambda: ensemble().log_prob_observed(torch.zeros(2, 4), LAST),
        r"got row 1, which none of the 2 orders fits\.",
    ),
    "completion that no order fits": (
        lambda: ensemble().sample((2,), condition_on=torch.zeros(4), mask=LAST),
        r"got row 1, which none of the 2 orders fits\.",
    ),
    "known values without themselves": (
        lambda: ensemble().sample((2,), mask=LAST),
        r"Expected condition_on beside mask; got the mask alone\.",
    ),
    "observed values of another width": (
        lambda: ensemble().impute(torch.zeros(2, 3), LAST),
        r"Expected x of shape \(2, 4\), or broadcast to it; got \(2, 3\)\.",
    ),
    "observed grey values": (
        lambda: ensemble().impute(torch.full((4,), 0.5), torch.tensor([True, False, False, False])),
        r"Expected values in Boolean\(\); got 0\.5 at index \[0\]\.",
    ),
    **{
        f"observed values and contexts of other batches, {num_orders} orders": (
            lambda num_orders=num_orders: ar.made(4, 2, hidden_dims=(8,), num_orders=num_orders).impute(
                torch.zeros(3, 4), torch.ones(4) > 0, torch.zeros(5, 2)
            ),
            r"Expected batches of x and context that broadcast; got \(3,\) and \(5,\)\. Give one context for each x",
        )
        for num_orders in (1, 2)
    },
    "graph of another network": (
        lambda: nn.MaskedMLP(3, 1, adjacency=[[0, 0, 0], [1, 0, 0], [0, 0, 0]]).load_state_dict(
            nn.MaskedMLP(3, 1, adjacency=[[0, 0, 0], [1, 0, 0], [1, 0, 0]]).state_dict()
        ),
        r"Expected a state dict with this network's adjacency, .*; got \[\[0, 0, 0\], \[1, 0, 0\], \[1, 0, 0\]\]\.",
    ),
    "mask of numbers into an ensemble": (
        lambda: ensemble().impute(torch.zeros(2, 4), LAST.double()),
        r"Expected a boolean mask, True where known; got torch\.float64\.",
    ),
    "imputation by no particles": (
        lambda: ensemble().impute(torch.zeros(2, 4), LAST, num_particles=0),
        r"Expected num_particles of at least 1; got 0\.",
    ),
}
