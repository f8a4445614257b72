import copy
import pickle

import pytest
import torch

from pyrodgm import testing, transforms

PARTS = (transforms.Affine(), transforms.RationalQuadraticSpline(4), transforms.Shift())


def test_the_first_is_nearest_to_the_base_and_parameters_lie_in_order():
    chain = transforms.Chain(PARTS)
    assert chain.num_params == 2 + 11 + 1
    x, params = torch.randn(5, 3), torch.randn(5, 3, chain.num_params)
    expected, total = x, torch.zeros(5, 3)
    for part, theta in zip(PARTS, params.split([2, 11, 1], -1), strict=True):
        expected, ladj = part.forward_and_ladj(expected, theta)
        total = total + ladj
    y, ladj = chain.forward_and_ladj(x, params)
    assert torch.equal(y, expected)
    torch.testing.assert_close(ladj, total)
    back, inverse_ladj = chain.inverse_and_ladj(y, params)
    torch.testing.assert_close(back, x)
    torch.testing.assert_close(inverse_ladj, -ladj)


def test_one_part_is_that_part():
    testing.check_univariate(transforms.Chain([transforms.Affine()]))


def test_the_inverse_exchanges_everything():
    logit = transforms.Chain([transforms.MixtureLogisticCDF(2), transforms.Logit(), transforms.Affine()])
    turned = transforms.InverseUnivariate(transforms.Chain([transforms.MixtureLogisticCDF(2)]))
    assert turned.domain is transforms.MixtureLogisticCDF(2).codomain
    assert turned.codomain is transforms.MixtureLogisticCDF(2).domain
    x, params = torch.randn(5), torch.randn(5, logit.num_params)
    inverse = transforms.InverseUnivariate(logit)
    for ours, expected in zip(inverse.inverse_and_ladj(x, params), logit.forward_and_ladj(x, params), strict=True):
        assert torch.equal(ours, expected)
    for ours, expected in zip(inverse.forward_and_ladj(x, params), logit.inverse_and_ladj(x, params), strict=True):
        assert torch.equal(ours, expected)


def test_copies():
    chain = transforms.Chain(PARTS)
    x, params = torch.randn(4), torch.randn(4, chain.num_params)
    for twin in (copy.deepcopy(chain), pickle.loads(pickle.dumps(chain))):
        assert torch.equal(twin.forward_and_ladj(x, params)[0], chain.forward_and_ladj(x, params)[0])


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([], r"Expected at least one univariate; got an empty list\."),
        (
            [transforms.MixtureNormalCDF(2), transforms.Affine()],
            r"Expected a univariate that takes what MixtureNormalCDF returns, .*; got Affine, which takes Real",
        ),
        ([transforms.Affine(), transforms.Logit()], "Expected a univariate that takes what Affine returns"),
    ],
)
def test_parts_that_do_not_fit(parts, message):
    with pytest.raises(ValueError, match=message):
        transforms.Chain(parts)
