"""Diagonal BiLSTM: all that is seen, both directions by hand, and little work. More in test_image_models.py."""

import pytest
import torch

from pyrodgm import autoregressive as ar
from pyrodgm import nn, testing
from pyrodgm.nn.lstm_scan import in_place
from pyrodgm.testing.networks import dependencies
from tests.autoregressive import image_checks as checks
from tests.benchmarks.plain_pixel_rnn import plain_diagonal_bilstm, skew, unskew


@pytest.mark.parametrize("shape", [(1, 3, 13), (1, 9, 2), (2, 2, 9)])
def test_one_layer_sees_all_earlier_pixels(shape):
    # Wider than twice the first convolution, so that what is seen beyond is seen through the states.
    net = testing.perturb(nn.DiagonalBiLSTM(shape, 1, num_layers=1, num_channels=16), 0.2)
    sees = dependencies(net, 2, num_tries=10)[net.order][:, net.order]
    assert torch.equal(sees, torch.ones_like(sees).tril(-1))


@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (1, 5), (5, 1), (3, 3)])
def test_diagonals_are_the_columns_of_a_skewed_image(shape):
    net = nn.DiagonalBiLSTM((1, *shape), 1, num_layers=1)
    layer = net.diagonal_layers[0]
    image = torch.arange(1, 1 + shape[0] * shape[1]).view(1, 1, *shape)
    for lstm, seen in ((layer.left, image), (layer.right, image.flip(3))):
        columns = [column[column > 0] for column in skew(seen)[0, 0].unbind(1)]
        along = image.flatten()[lstm.places]
        assert torch.equal(along, torch.cat(columns))
        assert [step.num for step in lstm.steps] == [len(column) for column in columns]
        assert torch.equal(in_place(along[None], lstm.places, (along.numel(), 1)).view_as(image), image)
    assert torch.equal(unskew(skew(image), shape[1]), image)


@pytest.mark.parametrize("shape", [(3, 4), (4, 2)])
@pytest.mark.parametrize("from_right", [False, True])
def test_a_direction_by_hand(shape, from_right):
    height, width = shape
    batch, size = 3, 4
    layer = testing.perturb(nn.DiagonalBiLSTM((1, *shape), 1, num_layers=1, num_channels=size)).diagonal_layers[0]
    lstm = layer.right if from_right else layer.left
    x = torch.randn(lstm.input_weight.shape[2], height, width, batch)
    states = torch.zeros(size, height + 1, width + 2, batch)  # with zeros above and on both sides
    cells = torch.zeros_like(states)
    back = 1 if from_right else -1
    for row in range(height):
        for column in range(width)[::-back]:
            above, beside = states[:, row, column + 1], states[:, row + 1, column + 1 + back]
            gates = lstm.input_weight[0] @ x[:, row, column] + lstm.bias[:, None]
            gates += lstm.state_weight[0] @ above + lstm.state_weight[1] @ beside
            new = checks.reference_cell(gates, cells[:, row + 1, column + 1 + back])
            states[:, row + 1, column + 1], cells[:, row + 1, column + 1] = new
    torch.testing.assert_close(lstm(x.flatten(1, 2)).view(size, height, width, batch), states[:, 1:, 1:-1])


def test_the_net_equals_one_written_from_the_paper():
    net = testing.perturb(nn.DiagonalBiLSTM((1, 4, 6), 2, num_layers=2, num_channels=5))
    x = torch.rand(3, 1, 4, 6).round()
    weights = torch.randn(3, 1, 4, 6, 2)
    ours, theirs = net(x), plain_diagonal_bilstm(net, x)
    torch.testing.assert_close(ours, theirs)
    gradients = (torch.autograd.grad((params * weights).sum(), list(net.parameters())) for params in (ours, theirs))
    for actual, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(actual, expected)


def test_a_draw_is_little_more_work_than_a_pass():
    # The share of the states from the right takes one more product of the size of the input's, of six in all.
    model = ar.diagonal_bilstm((1, 12, 12), num_layers=2, num_channels=8)
    assert checks.work_of_a_draw(model, ar.Incremental()) < 1.5
    assert not model.net.prefers_sweep(1)
