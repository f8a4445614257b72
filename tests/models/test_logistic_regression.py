import pytest
import torch
from sklearn.linear_model import LogisticRegression

from pyrodgm import infer, models, nn


def rows(num_classes, num=200, dim=4):
    x = torch.randn(num, dim) * torch.tensor([1.0, 2.0, 0.5, 1.0]) + 1
    logits = x @ torch.randn(dim, num_classes) + torch.randn(num_classes)
    return x, torch.distributions.Categorical(logits=logits).sample()


def theirs(x, labels, l2):
    return LogisticRegression(C=1 / l2, solver="newton-cg", tol=1e-10, max_iter=10_000).fit(x.numpy(), labels.numpy())


@pytest.mark.parametrize("l2", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("num_classes", [2, 3, 5])
def test_coefficients_equal_scikit_learns(num_classes, l2):
    x, labels = rows(num_classes)
    other, model = theirs(x, labels, l2), models.LogisticRegression(4, num_classes).fit(x, labels, l2=l2)
    torch.testing.assert_close(model.weight.detach(), torch.as_tensor(other.coef_), rtol=0, atol=1e-5)
    bias = model.bias.detach() - (0 if num_classes == 2 else model.bias.mean().detach())  # free up to a shift
    expected = torch.as_tensor(other.intercept_)
    torch.testing.assert_close(bias, expected - (0 if num_classes == 2 else expected.mean()), rtol=0, atol=1e-5)
    expected = torch.as_tensor(other.predict_log_proba(x.numpy()))
    torch.testing.assert_close(model.class_log_prob(x).detach(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("num_classes", [2, 3])
def test_map_under_a_normal_prior_is_the_penalty(num_classes):
    x, labels = rows(num_classes)
    scale = 0.7
    other = theirs(x, labels, scale**-2)
    bayes = infer.bayesian(models.LogisticRegression(4, num_classes), {"*weight": scale, "*bias": 1e4})
    posterior = infer.map_estimate(bayes, labels, x, num_steps=2000, lr=0.1)
    found = {name: value for name, value in posterior.point().items() if name.endswith("weight")}
    (weight,) = found.values()
    torch.testing.assert_close(weight.detach(), torch.as_tensor(other.coef_), rtol=0, atol=1e-5)


def test_without_a_penalty_it_is_maximum_likelihood():
    x, labels = rows(3)
    model = models.LogisticRegression(4, 3).fit(x, labels)
    loss = -model(x).log_prob(labels).mean()
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    assert max(gradient.abs().max() for gradient in gradients) < 1e-7


def test_single_precision_is_enough():
    x, labels = rows(3)
    exact = models.LogisticRegression(4, 3).fit(x, labels, l2=1.0)
    model = models.LogisticRegression(4, 3).float().fit(x.float(), labels, l2=1.0)
    torch.testing.assert_close(model.weight.double(), exact.weight, rtol=0, atol=1e-3)


def test_classes_that_a_plane_parts_do_not_break_it():
    x = torch.randn(50, 4)
    labels = (x[:, 0] > 0).long()
    model = models.LogisticRegression(4).fit(x, labels, max_steps=200)
    assert torch.isfinite(model.weight).all()
    assert torch.equal(model.class_log_prob(x).argmax(1), labels)


def test_counts_of_parameters():
    assert models.LogisticRegression(7).num_parameters() == 8
    assert models.LogisticRegression(7, 3).num_parameters() == 16


def test_two_classes_are_a_sigmoid():
    model = models.LogisticRegression(4)
    with torch.no_grad():
        model.weight.normal_()
        model.bias.normal_()
    x = torch.randn(9, 4)
    expected = (x @ model.weight[0] + model.bias).sigmoid()
    torch.testing.assert_close(model.class_log_prob(x)[:, 1].exp(), expected)


def test_a_network_learns_what_a_plane_cannot_part():
    x = torch.randn(200, 2)
    labels = (x[:, 0] * x[:, 1] > 0).long()
    linear = models.LogisticRegression(2).fit(x, labels)
    classifier = models.NeuralClassifier(nn.MLP(2, 1, hidden_dims=(32,)), 2)
    density = models.Density(classifier)
    loss_of = infer.ReparameterizedELBO()(density.model, density.guide)
    optimizer = torch.optim.Adam(classifier.parameters(), lr=0.02)
    for _ in range(300):
        optimizer.zero_grad()
        (loss_of(labels, x) / len(x)).backward()
        optimizer.step()

    def accuracy(model):
        return (model.class_log_prob(x).argmax(1) == labels).double().mean().item()

    assert accuracy(classifier) > 0.95 > 0.75 > accuracy(linear)
