"""Deep flows stay finite under steps so large that unbounded scales end in NaN."""

from collections.abc import Callable

import pytest
import torch

from pyrodgm import Flow, flows

DIM, NUM_LAYERS = 19, 32


def heavy_tailed(num: int) -> torch.Tensor:
    """Draw correlated, standardized data with outliers of about twelve standard deviations."""
    mixing = torch.randn(DIM, DIM) / DIM**0.5
    data = torch.distributions.StudentT(3.0).sample((num, DIM)) @ mixing
    return (data - data.mean(0)) / data.std(0)


@pytest.mark.parametrize(
    ("build", "num_steps"),
    [(flows.realnvp, 500), (flows.maf, 500), (flows.spline_coupling, 40), (flows.spline_autoregressive, 40)],
    ids=["realnvp", "maf", "spline_coupling", "spline_autoregressive"],
)
def test_a_deep_flow_learns_and_stays_finite(build: Callable[..., Flow], num_steps: int) -> None:
    torch.set_default_dtype(torch.float32)  # in which flows are trained, and which overflows first
    torch.manual_seed(3)
    data = heavy_tailed(2048)
    flow = build(DIM, num_layers=NUM_LAYERS, hidden_dims=(16,))
    optimizer = torch.optim.Adam(flow.parameters(), lr=1e-2, fused=True)
    losses = []
    for _ in range(num_steps):
        x = data[torch.randint(len(data), (64,))]
        optimizer.zero_grad()
        loss = -flow().log_prob(x).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    assert torch.stack(losses).isfinite().all()
    assert torch.stack(losses[-20:]).median() < torch.stack(losses[:20]).median()
    assert all(parameter.isfinite().all() for parameter in flow.parameters())
    # A squared gradient that overflows leaves no NaN: Adam divides by infinity and never moves that parameter again.
    assert all(value.isfinite().all() for state in optimizer.state.values() for value in state.values())
    draws = flow().sample((100,))
    assert draws.isfinite().all()
    assert flow().log_prob(draws.clone()).isfinite().all()
