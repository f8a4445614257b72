"""The scan of convolutional LSTMs: its written-out gradients against differences and against autograd."""

import pytest
import torch

from pyrodgm.nn.diagonal_bilstm import diagonal_steps, diagonals
from pyrodgm.nn.lstm_scan import lstm_scan, offset_tap
from pyrodgm.nn.row_lstm import row_steps

SHAPE, BATCH, NUM_INPUTS, NUM_STATES = (3, 4), 2, 2, 1
PATHS = {  # name: (steps and places, number of taps of inputs and states)
    "rows": ((row_steps(*SHAPE, 1), None), (2, 3)),
    "rows, wide": ((row_steps(*SHAPE, 2), None), (3, 5)),
    "diagonals": ((diagonal_steps(*SHAPE), diagonals(*SHAPE)), (1, 2)),
}


def arguments(name, bias_shape=(1, 1), batch=BATCH):
    path, (num_inputs, num_states) = PATHS[name]
    tensors = (
        torch.randn(NUM_INPUTS, 12, batch),
        torch.randn(num_inputs, 4 * NUM_STATES, NUM_INPUTS),
        torch.randn(num_states, 4 * NUM_STATES, NUM_STATES),
        torch.randn(4 * NUM_STATES, *bias_shape),
    )
    return tuple(tensor.requires_grad_() for tensor in tensors), path


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("bias_shape", [(1, 1), (1, BATCH), (12, 1), (12, BATCH)])
def test_gradients_against_differences(name, bias_shape):
    tensors, path = arguments(name, bias_shape)
    torch.autograd.gradcheck(lambda *given: lstm_scan(*given, *path), tensors)


@pytest.mark.parametrize("name", PATHS)
def test_values_with_and_without_gradients_are_equal(name):
    tensors, path = arguments(name)
    with torch.no_grad():
        without = lstm_scan(*tensors, *path)
    assert torch.equal(lstm_scan(*tensors, *path), without)


def test_an_empty_batch_has_gradients_of_zero():
    tensors, path = arguments("diagonals", batch=0)
    states = lstm_scan(*tensors, *path)
    assert states.shape == (NUM_STATES, 12, 0)
    gradients = torch.autograd.grad(states.sum(), tensors)
    assert all(gradient.shape == tensor.shape for gradient, tensor in zip(gradients, tensors, strict=True))


@pytest.mark.parametrize("name", PATHS)
def test_under_autocast_the_scan_keeps_the_precision_of_the_weights(name):
    tensors, path = arguments(name)
    x, *weights = (tensor.detach().float().requires_grad_() for tensor in tensors)
    low = x.detach().bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        states = lstm_scan(low, *weights, *path)
    assert torch.equal(states, lstm_scan(low.float(), *weights, *path))
    assert all(gradient.dtype == torch.float32 for gradient in torch.autograd.grad(states.sum(), weights))


def test_second_derivatives_are_refused():
    tensors, path = arguments("rows")
    (first,) = torch.autograd.grad(lstm_scan(*tensors, *path).square().sum(), tensors[:1], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


@pytest.mark.parametrize(
    ("offset", "expected"), [(0, [(0, 0, 4)]), (-1, [(1, 0, 3)]), (2, [(0, 2, 2)]), (5, []), (-4, [])]
)
def test_taps_end_with_the_row(offset, expected):
    assert [(tap.to, tap.source, tap.num) for tap in offset_tap(7, offset, 4, 4)] == expected
