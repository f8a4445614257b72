"""The contract of a head."""

from functools import partial

import torch

from pyrodgm.heads.head import Head
from pyrodgm.testing.expectations import BATCHES, close, expect, expect_error, in_float64


@in_float64
def check_head(head: Head) -> None:
    """Shapes for every batch, one ``log_prob``, draws that are equal for equal noise and distributed as they should."""
    for batch in BATCHES:
        params = torch.randn(*batch, head.num_params)
        distribution = head(params)
        expect(distribution.batch_shape == batch, f"batch_shape {distribution.batch_shape} of params of batch {batch}")
        expect(distribution.event_shape == head.event_shape, f"event_shape {distribution.event_shape}")
        noise = head.noise(batch, dtype=params.dtype)
        draw = head.from_noise(params, noise)
        expect(torch.equal(draw, head.from_noise(params, noise)), "equal noise gives unequal draws")
        expect(draw.shape == batch + head.event_shape, f"draw of shape {draw.shape}")
        log_prob = distribution.log_prob(draw)
        expect(log_prob.shape == batch, "log_prob of another shape than the batch")
        close(head.log_prob(params, draw), log_prob, "log_prob of the head and of its distribution", tolerance=1e-4)
    params = torch.randn(head.num_params).expand(20000, -1)
    ours = head.from_noise(params, head.noise((20000,), dtype=params.dtype)).double()
    theirs = head(params).sample().double()
    error = (ours.var(0) + theirs.var(0)).div(20000).sqrt() + 1e-12
    # Six standard errors: a true head fails once in about 10^9 variables.
    expect(((ours.mean(0) - theirs.mean(0)).abs() <= 6 * error).all(), "from_noise and sample differ in the mean")
    for wrong in (head.num_params + 1, max(head.num_params - 1, 0)):
        expect_error(partial(head, torch.zeros(2, wrong)), "Expected params of shape")
