"""The average of the weights, by hand."""

from types import SimpleNamespace

import torch

from pyrodgm.train.ema import EVERY, WeightAverage


def test_the_average_is_the_formula():
    module, average = torch.nn.Linear(2, 3), WeightAverage(0.95)
    average.on_train_start(SimpleNamespace(), module)
    expected = [p.detach().clone() for p in module.parameters()]
    updates = 0
    for step in range(1, 40 * EVERY + 1):
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
        average.on_train_batch_end(SimpleNamespace(global_step=step), module, None, None, step)
        if step % EVERY == 0:
            updates += 1
            decay = min(0.95, (1 + updates) / (10 + updates)) ** EVERY
            expected = [decay * e + (1 - decay) * p for e, p in zip(expected, module.parameters(), strict=True)]
    for ours, theirs in zip(average.average, expected, strict=True):
        torch.testing.assert_close(ours, theirs)
    weights = [p.detach().clone() for p in module.parameters()]
    average.on_validation_start(SimpleNamespace(), module)
    torch.testing.assert_close(list(module.parameters()), [torch.nn.Parameter(e) for e in expected])
    average.on_validation_end(SimpleNamespace(), module)
    torch.testing.assert_close([p.detach() for p in module.parameters()], weights)
