"""Row LSTM: its field of view, one row by hand, and little work. More in test_image_models.py."""

import pytest
import torch

from pyrodgm import autoregressive as ar
from pyrodgm import nn, testing
from pyrodgm.testing.networks import dependencies
from tests.autoregressive import image_checks as checks
from tests.benchmarks.plain_pixel_rnn import plain_row_lstm


def test_strategies_draw_alike_with_a_wide_kernel():
    model = testing.perturb(ar.row_lstm((1, 4, 11), num_layers=2, num_channels=4, kernel_size=9), 0.2)
    assert model.net.slope == 5
    checks.check_draws_agree(model, (3,))


@pytest.mark.parametrize(("num_layers", "kernel_size"), [(1, 3), (2, 3), (1, 5)])
def test_field_of_view_is_a_triangle(num_layers, kernel_size):
    height, width, radius = 5, 13, kernel_size // 2
    net = nn.RowLSTM((1, height, width), 1, num_layers=num_layers, num_channels=16, kernel_size=kernel_size)
    sees = dependencies(testing.perturb(net), 2, num_tries=4).view(height, width, height, width)
    row, column = height - 1, width // 2
    for above in range(height):
        # States of d rows above reach d * radius to either side, inputs num_layers * radius to the left besides; the
        # first convolution, 3 more columns, of the own row to the left alone and of 3 rows above on both sides.
        left = column - (above + num_layers) * radius - 3
        right = column + (above - 1) * radius + 3 if above else column - 1
        expected = [left <= other <= right for other in range(width)]
        assert sees[row, column, row - above].tolist() == expected, f"{above} rows above"


def test_a_row_by_hand():
    torch.manual_seed(2)
    batch, width, size = 3, 5, 4
    net = testing.perturb(nn.RowLSTM((1, 2, width), 1, num_layers=1, num_channels=size))
    lstm = net.row_layers[0].lstm
    x = torch.randn(2 * size, 2 * width, batch)
    states, cells = torch.zeros(size, width, batch), torch.zeros(size, width, batch)
    for row in range(2):
        inputs, above = checks.padded(x[:, row * width : (row + 1) * width], 1), checks.padded(states, 1)
        gates = torch.empty(4 * size, width, batch)
        for column in range(width):
            gates[:, column] = lstm.bias[:, None]
            gates[:, column] += sum(lstm.state_weight[k] @ above[:, column + k] for k in range(3))
            gates[:, column] += sum(lstm.input_weight[k] @ inputs[:, column + k] for k in range(2))
        states, cells = checks.reference_cell(gates, cells)
        torch.testing.assert_close(lstm(x)[:, row * width : (row + 1) * width], states)


def test_the_net_equals_one_written_from_the_paper():
    net = testing.perturb(nn.RowLSTM((1, 4, 6), 2, num_layers=2, num_channels=5))
    x = torch.rand(3, 1, 4, 6).round()
    weights = torch.randn(3, 1, 4, 6, 2)
    ours, theirs = net(x), plain_row_lstm(net, x)
    torch.testing.assert_close(ours, theirs)
    gradients = (torch.autograd.grad((params * weights).sum(), list(net.parameters())) for params in (ours, theirs))
    for actual, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(actual, expected)


def test_a_draw_is_as_much_work_as_a_pass():
    # A little more, since steps multiply the zeros beside the image, which a pass leaves out.
    model = ar.row_lstm((1, 12, 12), num_layers=2, num_channels=8)
    for strategy in (ar.FixedPoint(), ar.Incremental()):
        assert checks.work_of_a_draw(model, strategy) < 1.25
    assert model.net.prefers_sweep(1)
