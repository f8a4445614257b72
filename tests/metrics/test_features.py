"""Features by a network, the record of where they come from, and that every result carries it."""

import pytest
import torch
from torch import Tensor, nn

from pyrodgm import metrics


class Classifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5))
        self.last = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.trunk(x))

    def embed(self, x: Tensor) -> Tensor:
        return self.trunk(x)


def scaled(x: Tensor) -> Tensor:
    return 2 * x - 1


def test_values_are_those_of_evaluation_mode_in_any_batches() -> None:
    net, x = Classifier(), torch.randn(50, 6)
    net.trunk[1].eval()  # a part in a mode of its own
    found = metrics.features(net, x, preprocess=scaled, batch_size=7)
    assert [part.training for part in (net, net.trunk, net.trunk[1], net.trunk[2])] == [True, True, False, True]
    assert not found.values.requires_grad
    torch.testing.assert_close(found.values, net.eval()(scaled(x)).detach())
    assert len(found) == 50
    assert repr(found).startswith("Features((50, 3) of Classifier (weights ")


def test_a_failing_network_is_put_back_too() -> None:
    net = Classifier()
    with pytest.raises(RuntimeError):
        metrics.features(net, torch.randn(4, 5))
    assert net.training


def test_a_method_belongs_to_its_module() -> None:
    net = Classifier()
    found = metrics.features(net.embed, torch.randn(9, 6))
    assert found.values.shape == (9, 8)
    assert found.source.net == "Classifier.embed"
    assert found.source.weights == metrics.features(net, torch.randn(9, 6)).source.weights


def test_the_record_tells_networks_and_preprocessing_apart() -> None:
    net, x = Classifier(), torch.randn(9, 6)
    source = metrics.features(net, x).source
    assert source.preprocessing == "none"
    assert metrics.features(net, torch.randn(20, 6)).source == source  # other data, same source
    scaling = metrics.features(net, x, preprocess=scaled).source
    assert scaling.weights == source.weights
    assert scaling.preprocessing not in {"none", metrics.features(net, x, preprocess=torch.tanh).source.preprocessing}
    assert metrics.features(net, x, preprocess=lambda x: x * 2 - 1).source == scaling  # the same by another name
    with torch.no_grad():
        net.last.bias[0] += 1e-6
    assert metrics.features(net, x).source.weights != source.weights
    net.trunk[1].running_mean += 1  # buffers count
    assert metrics.features(net.embed, x).source.weights != source.weights


def test_a_function_with_a_name() -> None:
    source = metrics.features(lambda x: x[:, :2], torch.randn(9, 6), name="first two").source
    assert (source.net, source.weights) == ("first two", "none")


def test_integers_and_other_dtypes() -> None:
    pictures = torch.randint(256, (9, 1, 2, 3), dtype=torch.uint8)
    net = nn.Sequential(nn.Flatten(), nn.Linear(6, 4)).float()
    found = metrics.features(net, pictures, preprocess=lambda x: x.double() / 255)
    assert found.values.dtype == torch.float32
    torch.testing.assert_close(found.values, net(pictures.float() / 255).detach())
    embedding = nn.Sequential(nn.Embedding(256, 2), nn.Flatten())
    assert metrics.features(embedding, pictures.long()).values.shape == (9, 12)


RESULTS = {
    "mmd": lambda x, y: metrics.mmd(x, y, num_permutations=0),
    "energy_distance": lambda x, y: metrics.energy_distance(x, y, num_permutations=0),
    "prdc": metrics.prdc,
    "frechet_distance": metrics.frechet_distance,
    "kid": metrics.kid,
    "sliced_wasserstein": metrics.sliced_wasserstein,
    "classifier_two_sample": metrics.classifier_two_sample,
    "memorisation": lambda x, y: metrics.memorisation(x, y, x),
    "parzen_log_likelihood": lambda x, y: metrics.parzen_log_likelihood(x, y, y),
}


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_carries_the_source(name: str) -> None:
    net, x, y = Classifier(), torch.randn(40, 6), torch.randn(50, 6)
    of_x, of_y = metrics.features(net, x), metrics.features(net, y)
    torch.manual_seed(0)
    found = RESULTS[name](of_x, of_y)
    assert found.source == of_x.source
    assert f"source=Classifier (weights {of_x.source.weights}" in repr(found)
    torch.manual_seed(0)
    plain = RESULTS[name](of_x.values, of_y.values)
    assert plain.source is None
    assert "source" not in repr(plain)
    assert repr(plain)[:-1] in repr(found)
