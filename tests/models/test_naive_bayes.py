import pyro
import pytest
import torch
import torch.nn.functional as F
from pyro.infer import TraceEnum_ELBO
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, GaussianNB

from pyrodgm import data, heads, infer, models

NUM, DIM, CLASSES = 150, 6, 3
KINDS = {
    "bernoulli": lambda: heads.Bernoulli(DIM),
    "categorical": lambda: heads.Categorical(4, DIM),
    "normal": lambda: heads.Normal(DIM),
}


def rows(kind, num=NUM):
    labels = torch.arange(num) % CLASSES
    if kind == "normal":
        return torch.randn(num, DIM) * (1 + labels[:, None]) + labels[:, None] * torch.randn(DIM), labels
    num_values = 2 if kind == "bernoulli" else 4
    logits = torch.randn(CLASSES, DIM, num_values)
    return torch.distributions.Categorical(logits=logits[labels]).sample().double(), labels


def build(kind):
    return models.NaiveBayes(DIM, CLASSES, likelihood=KINDS[kind]())


def fitted(kind, **kwargs):
    x, labels = rows(kind)
    return build(kind).fit(x, labels, **kwargs), x, labels


def with_holes(x, share=0.3):
    return torch.where(torch.rand_like(x) < share, torch.nan, x)


def feature_log_prob(model, x):
    """Every feature under every class, from the head's own distribution."""
    joint = model.joint
    return torch.stack([joint.head(joint.table[c]).base_dist.log_prob(x) for c in range(CLASSES)], 1).detach()


@pytest.mark.parametrize("prior_counts", [1.0, 0.3])
@pytest.mark.parametrize(("kind", "theirs"), [("bernoulli", BernoulliNB), ("categorical", CategoricalNB)])
def test_probabilities_equal_scikit_learns(kind, theirs, prior_counts):
    model, x, labels = fitted(kind, prior_counts=prior_counts)
    options = {"min_categories": 4} if kind == "categorical" else {}
    other = theirs(alpha=prior_counts, **options).fit(x.numpy(), labels.numpy())
    new, _ = rows(kind, 50)
    for some in (x, new):
        expected = torch.as_tensor(other.predict_log_proba(some.numpy()))
        torch.testing.assert_close(model.class_log_prob(some).detach(), expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("var_smoothing", [1e-9, 0.1])
def test_normal_probabilities_equal_scikit_learns(var_smoothing):
    model, x, labels = fitted("normal", var_smoothing=var_smoothing)
    other = GaussianNB(var_smoothing=var_smoothing).fit(x.numpy(), labels.numpy())
    expected = torch.as_tensor(other.predict_log_proba(x.numpy()))
    torch.testing.assert_close(model.class_log_prob(x).detach(), expected, rtol=0, atol=1e-8)
    joint = torch.as_tensor(other.predict_joint_log_proba(x.numpy()))
    torch.testing.assert_close(model.log_joint(x).detach(), joint, rtol=0, atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_log_prob_is_that_of_the_heads(kind):
    model, x, labels = fitted(kind)
    log_joint = model.joint.logits.log_softmax(0) + feature_log_prob(model, x).sum(-1)
    torch.testing.assert_close(model.log_prob(x, labels), log_joint[torch.arange(NUM), labels])
    torch.testing.assert_close(model.log_prob(x), log_joint.logsumexp(1))
    torch.testing.assert_close(model.class_log_prob(x).exp().sum(1), torch.ones(NUM))


@pytest.mark.parametrize("kind", KINDS)
def test_missing_features_are_summed_out(kind):
    model, x, _ = fitted(kind)
    holes = with_holes(x)
    holes[3] = torch.nan
    each = feature_log_prob(model, x)
    expected = model.joint.logits.log_softmax(0) + torch.where(holes.isnan()[:, None], 0.0, each).sum(-1)
    torch.testing.assert_close(model.log_joint(holes), expected)
    torch.testing.assert_close(model.class_log_prob(holes)[3], model.joint.logits.log_softmax(0))


def test_missing_features_equal_a_sum_over_their_values():
    model, x, _ = fitted("categorical")
    holes = x.clone()
    holes[:, 2] = torch.nan
    total = torch.stack([model.log_prob(torch.cat((x[:, :2], torch.full((NUM, 1), v), x[:, 3:]), 1)) for v in range(4)])
    torch.testing.assert_close(model.log_prob_observed(holes), total.logsumexp(0))


@pytest.mark.parametrize("kind", KINDS)
def test_fit_with_holes_counts_what_there_is(kind):
    x, labels = rows(kind)
    holes = with_holes(x)
    model = build(kind).fit(holes, labels)
    for column in range(DIM):
        seen = ~holes[:, column].isnan()
        head = type(KINDS[kind]())
        one = models.NaiveBayes(1, CLASSES, likelihood=head(4, 1) if kind == "categorical" else head(1))
        one.fit(x[seen][:, [column]], labels[seen], var_smoothing=0.0)
        whole = build(kind).fit(holes, labels, var_smoothing=0.0) if kind == "normal" else model
        expected = one.joint.log_prob(x[:, [column]], None)
        alone = torch.full_like(x, torch.nan)
        alone[:, column] = x[:, column]
        found = whole.log_joint(alone) - whole.joint.logits.log_softmax(0)
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_fit_is_maximum_likelihood(kind):
    model, x, labels = fitted(kind, prior_counts=1e-8, var_smoothing=0.0)
    gradients = torch.autograd.grad(model.log_prob(x, labels).mean(), list(model.parameters()))
    assert max(gradient.abs().max() for gradient in gradients) < 1e-8


@pytest.mark.parametrize("kind", KINDS)
def test_imputation_takes_the_best_guess(kind):
    model, x, _ = fitted(kind)
    holes = with_holes(x)
    filled = model.impute(holes)
    known = ~holes.isnan()
    assert torch.equal(filled[known], holes[known])
    row = int((~known).any(1).nonzero()[0])
    column = int((~known[row]).nonzero()[0])
    weights = model.class_log_prob(holes[row : row + 1]).exp()[0].detach()
    if kind == "normal":
        means = torch.stack([model.joint.head(p).mean[column] for p in model.joint.table]).detach()
        assert filled[row, column].item() == pytest.approx((weights @ means).item())
    else:
        values = torch.arange(2.0 if kind == "bernoulli" else 4.0)
        p = [weights @ feature_log_prob(model, v.expand(1, DIM))[0, :, column].exp() for v in values]
        assert filled[row, column].item() == torch.stack(p).argmax().item()


def test_counts_of_parameters():
    n = 7
    assert models.NaiveBayes(n, 2).num_parameters() == 1 + 2 * n
    assert models.NaiveBayes(n, 3, likelihood=heads.Categorical(4, n)).num_parameters() == 2 + 3 * 3 * n
    assert models.NaiveBayes(n, 3, likelihood=heads.Normal(n)).num_parameters() == 2 + 3 * 2 * n


@pytest.mark.parametrize("kind", KINDS)
def test_programs_score_and_draw(kind):
    model, x, labels = fitted(kind)
    context = F.one_hot(labels, CLASSES).double()
    trace = pyro.poutine.trace(model.model).get_trace(x, context)
    assert trace.nodes["label"]["is_observed"]
    torch.testing.assert_close(trace.log_prob_sum(), model.log_prob(x, labels).sum())
    trace = pyro.poutine.trace(model.model).get_trace(x)
    assert "label" not in trace.nodes
    torch.testing.assert_close(trace.log_prob_sum(), model.log_prob(x).sum())
    drawn = model.sample(NUM, context)
    assert drawn.shape == x.shape
    assert model.sample(4).shape == (4, DIM)
    assert (
        model.class_log_prob(model.sample(3 * NUM, context.repeat(3, 1))).argmax(1) == labels.repeat(3)
    ).double().mean() > 0.5


def test_the_marginal_equals_pyros_enumeration():
    model, x, _ = fitted("bernoulli")
    joint = model.joint

    def program(x):
        with pyro.plate("data", len(x)):
            label = pyro.sample("label", joint.classes(), infer={"enumerate": "parallel"})
            pyro.sample("x", joint.features(label), obs=x)

    loss = TraceEnum_ELBO(max_plate_nesting=1).loss(program, lambda x: None, x)
    assert loss == pytest.approx(-model.log_prob(x).sum().item())


def test_gradients_reach_what_counts_find():
    model, x, labels = fitted("bernoulli", prior_counts=1e-6)
    context = F.one_hot(labels, CLASSES).double()
    learned = build("bernoulli")
    loss_of = infer.ReparameterizedELBO()(learned.model, learned.guide)
    optimizer = torch.optim.Adam(learned.parameters(), lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        (loss_of(x, context) / NUM).backward()
        optimizer.step()
    best = model.log_prob(x, labels).mean().item()
    assert best - 1e-3 < learned.log_prob(x, labels).mean().item() <= best + 1e-9


def test_digits_are_told_apart():
    splits = data.digits()
    model = models.NaiveBayes(64, 10).fit(splits.train.x, splits.train.labels)
    right = (model.class_log_prob(splits.test.x).argmax(1) == splits.test.labels).double().mean()
    assert right > 0.8
