import pytest
import torch

from pyrodgm import nn
from pyrodgm.nn.staircase import NUM_BLOCKS, staircase, staircase_linear

ORDERS = {
    "natural": list(range(300)),
    "reversed": list(range(300))[::-1],
    "random": torch.randperm(300, generator=torch.Generator().manual_seed(0)).tolist(),
}


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("batch", [(), (5,), (2, 3), (0,)])
def test_a_wide_net_is_the_same_without_gradients(name, batch):
    net = nn.MaskedMLP(300, 3, hidden_dims=(900, 910), order=ORDERS[name], context_dim=2)
    assert all(net._blocks)
    x, context = torch.randn(*batch, 300), torch.randn(*batch, 2)
    with_graph = net(x, context)
    with torch.no_grad():
        torch.testing.assert_close(net(x, context), with_graph)


def test_loading_another_order_cuts_anew():
    net, other = (nn.MaskedMLP(300, 1, hidden_dims=(900,), order=ORDERS[name]) for name in ("natural", "reversed"))
    other.load_state_dict(net.state_dict())
    x = torch.randn(4, 300)
    with torch.no_grad():
        torch.testing.assert_close(other(x), net(x))
    torch.testing.assert_close(other(x), net(x))


def test_a_triangle_keeps_five_eighths():
    mask = torch.ones(1024, 1024).tril()
    blocks = staircase(mask, 1)
    assert len(blocks) == NUM_BLOCKS
    done = sum((end - begin) * (last - first) for begin, end, first, last in blocks)
    assert done == 5 * mask.numel() // 8


def test_rows_that_see_nothing_are_their_bias():
    mask, bias = torch.zeros(600, 600), torch.randn(600)
    mask[300:, 10] = 1
    weight, h = torch.randn(600, 600), torch.randn(3, 600)
    expected = torch.nn.functional.linear(h, weight * mask, bias)
    torch.testing.assert_close(staircase_linear(h, weight, mask, bias, staircase(mask, 1)), expected)


def test_small_masks_are_left_whole():
    assert staircase(torch.ones(10, 10), 1) == []
