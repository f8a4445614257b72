import pytest
import torch

from pyrodgm import nn


def test_the_score_is_linear_in_the_features_plus_their_product_with_the_label_s_vector():
    net = nn.ProjectionDiscriminator(nn.MLP(3, 5), 5, context_dim=4)
    x, labels = torch.randn(6, 3), torch.tensor([0, 1, 2, 3, 1, 0])
    features = net.net(x)
    vectors = net.embedding.weight.t()[labels]
    expected = features @ net.output_layer.weight[0] + net.output_layer.bias + (vectors * features).sum(1)
    assert torch.allclose(net(x, torch.eye(4)[labels]).squeeze(1), expected)


def test_gradients_reach_every_parameter_and_batches_keep_their_shape():
    net = nn.ProjectionDiscriminator(nn.MLP(3, 5), 5, context_dim=4)
    out = net(torch.randn(2, 6, 3), torch.randn(2, 6, 4))
    assert out.shape == (2, 6, 1)
    out.sum().backward()
    assert all(p.grad.abs().max() > 0 for p in net.parameters())


def test_a_label_is_needed():
    net = nn.ProjectionDiscriminator(nn.MLP(3, 5), 5, context_dim=4)
    with pytest.raises(ValueError, match=r"Expected context of shape \(\*batch, 4\); got None"):
        net(torch.randn(6, 3))
