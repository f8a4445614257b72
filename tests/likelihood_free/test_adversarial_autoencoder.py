import pytest
import torch

from pyrodgm import Fixed, Neural, distributions, heads, nn
from pyrodgm import likelihood_free as lf


def autoencoder(head):
    return lf.AdversarialAutoencoder(
        Fixed(distributions.StandardNormal(2)),
        Neural(nn.MLP(2, 12, hidden_dims=(32,)), heads.Normal(6)),
        Neural(nn.MLP(6, head.num_params, hidden_dims=(32,)), head),
        nn.MLP(2, 1, hidden_dims=(32,)),
    )


@pytest.mark.parametrize("head", [heads.Delta(2), heads.Normal(2)], ids=["Delta", "Normal"])
def test_codes_are_drawn_to_the_prior_and_data_are_reconstructed(head):
    distances = {}
    for rate in (1e-3, 1e-12):  # with the game, and as good as without
        torch.manual_seed(0)
        x = 2 * torch.rand(2000, 2) @ torch.randn(2, 6) + 3 + 0.1 * torch.randn(2000, 6)
        model = autoencoder(head)
        history = model.fit(x, 400, lr_adversary=rate)
        distances[rate] = lf.EnergyObjective()(torch.randn(2000, 2), model.posterior(x).sample()).item()
        start, *_, end = history["reconstruction"]
        assert end < start - 15
        assert model.sample(7).shape == (7, 6)
    assert distances[1e-3] < distances[1e-12] / 5


def test_the_game_moves_the_encoder_and_the_discriminator_and_not_the_prior_or_decoder():
    model = autoencoder(heads.Delta(2))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.fit(torch.randn(20, 6), 1, batch_size=8, lr=1e-30)
    moved = {name.split(".")[0] for name, value in model.state_dict().items() if not torch.equal(before[name], value)}
    assert moved == {"posterior", "discriminator"}
