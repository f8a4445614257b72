"""Anomalies and attacks on MNIST: ``python -m tests.results.anomalies --out docs/results/anomalies.md``."""

import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm import autoregressive as ar
from pyrodgm import data, metrics
from tests.results import cells

PROGRAM = "tests.results.anomalies"
SETS = ("all digits", "digits 0-4", "attack")
SCORES = ("likelihood", "both sides", "ratio")
HIDDEN, STEPS, BATCH, RATE, MUTATION = 500, 6000, 100, 2e-3, 0.2  # of a MADE and its background
LEVELS, LAYERS, CHANNELS, STEPS_PIXELCNN, BATCH_PIXELCNN = 16, 5, 16, 3000, 32
STEPS_CLASSIFIER, BATCH_CLASSIFIER, NUM_ATTACKED, EPSILONS = 1000, 100, 1000, (1, 2, 3, 4)


def train(network: nn.Module, loss_of: Callable[[Tensor], Tensor], num_rows: int, num_steps: int, size: int) -> None:
    """Minimise the mean of a loss over random rows by Adam, whose rate falls to zero."""
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
    for _ in range(num_steps):
        optimizer.zero_grad()
        loss_of(torch.randint(num_rows, (size,))).mean().backward()
        optimizer.step()
        schedule.step()


def black_and_white(part: data.Dataset) -> Tensor:
    """Return pixels of 0 and 1, as Omniglot's are."""
    return (part.x >= 128).float()


def made(x: Tensor, mutation: float = 0.0) -> ar.Autoregressive:
    """Train a MADE of black and white pictures, of which a share of pixels is drawn anew."""
    model = ar.made(x.shape[1], hidden_dims=(HIDDEN,))

    def loss(rows: Tensor) -> Tensor:
        batch = x[rows]
        batch = torch.where(torch.rand_like(batch) < mutation, torch.randint_like(batch, 2), batch)
        return -model().log_prob(batch)

    train(model, loss, len(x), STEPS, BATCH)
    return model.eval()


@torch.no_grad()
def strangers(name: str, options: Any) -> dict[str, Any]:
    """Train on some digits; score others of them, and strangers, three ways."""
    splits, omniglot = data.mnist(options.root), data.omniglot(options.root)
    below = 10 if name == "all digits" else 5
    parts = (splits.train, splits.valid, splits.test)
    x, valid, known = (black_and_white(part)[part.labels < below] for part in parts)
    others = {"Omniglot": omniglot.test.x}
    if below == 5:
        others["digits 5-9"] = black_and_white(splits.test)[splits.test.labels >= 5]
    with torch.enable_grad():
        model, background = made(x), made(x, MUTATION)
    held_out = model().log_prob(valid)

    def scores(pictures: Tensor) -> dict[str, Tensor]:
        log_prob = model().log_prob(pictures)
        return {
            "likelihood": log_prob,
            "p": metrics.typicality(held_out, log_prob),
            "both sides": metrics.typicality(held_out, log_prob, two_sided=True),
            "ratio": metrics.likelihood_ratio(log_prob, background().log_prob(pictures)),
        }

    of_known = scores(known)
    result: dict[str, Any] = {"strangers": {}, "log_prob": of_known["likelihood"].mean().item(), "rare": rare(of_known)}
    for kind, pictures in others.items():
        found = scores(pictures)
        areas = {score: metrics.auroc(of_known[score], found[score]) for score in SCORES}
        result["strangers"][kind] = {"log_prob": found["likelihood"].mean().item(), "rare": rare(found), **areas}
    return result


def rare(scores: dict[str, Tensor]) -> float:
    """Return the share of p-values below 5 %."""
    return (scores["p"] < 0.05).double().mean().item()


class Classifier(nn.Module):
    """Two convolutions and a linear layer on pixels of 16 levels."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            *(nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.ReLU()),
            *(nn.Conv2d(16, 32, 5, stride=2, padding=2), nn.ReLU()),
            *(nn.Flatten(), nn.Linear(32 * 49, 10)),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return ten logits of each picture, in levels."""
        return self.net(2 * x / (LEVELS - 1) - 1)


def attack(classifier: Classifier, x: Tensor, labels: Tensor, epsilon: int) -> Tensor:
    """Return what the fast gradient sign method makes of pictures."""
    x = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(F.cross_entropy(classifier(x), labels), x)
    return (x.detach() + epsilon * slope.sign()).clamp(0, LEVELS - 1)


def defend(options: Any) -> dict[str, Any]:
    """Attack a classifier of MNIST, and purify."""
    splits = data.mnist(options.root)
    train_x, valid, test = (
        (part.x / (256 // LEVELS)).floor().reshape(-1, 1, 28, 28) for part in (splits.train, splits.valid, splits.test)
    )
    labels, x, y = splits.train.labels, test[:NUM_ATTACKED], splits.test.labels[:NUM_ATTACKED]
    classifier = Classifier()
    num = len(train_x)
    size = BATCH_CLASSIFIER
    train(classifier, lambda r: F.cross_entropy(classifier(train_x[r]), labels[r]), num, STEPS_CLASSIFIER, size)
    model = ar.pixelcnn((1, 28, 28), num_levels=LEVELS, num_layers=LAYERS, num_channels=CHANNELS)
    train(model, lambda r: -model().log_prob(train_x[r]), num, STEPS_PIXELCNN, BATCH_PIXELCNN)
    model.eval()

    @torch.no_grad()
    def log_prob(pictures: Tensor) -> Tensor:
        return torch.cat([model().log_prob(part) for part in pictures.split(100)])

    @torch.no_grad()
    def accuracy(pictures: Tensor) -> float:
        return (classifier(pictures).argmax(-1) == y).double().mean().item()

    held_out = log_prob(valid[:NUM_ATTACKED])

    def share(pictures: Tensor) -> float:
        return rare({"p": metrics.typicality(held_out, log_prob(pictures))})

    result: dict[str, Any] = {"log_prob": log_prob(x).mean().item(), "clean": accuracy(x), "rare": share(x), "rows": []}
    for epsilon in EPSILONS:
        attacked = attack(classifier, x, y, epsilon)
        start = time.process_time()
        purified = ar.pixel_defend(model, attacked, epsilon)
        seconds = time.process_time() - start
        kept = ar.pixel_defend(model, x, epsilon)
        accuracies = [accuracy(pictures) for pictures in (attacked, purified, kept)]
        result["rows"].append([epsilon, *accuracies, share(attacked), share(purified), seconds / len(x)])
    return result


def compute(cell: cells.Cell, options: Any) -> dict[str, Any]:
    """Compute one of the three."""
    torch.manual_seed(options.seed)
    return defend(options) if cell[0] == "attack" else strangers(cell[0], options)


def settings(cell: cells.Cell) -> str:
    """Return what a result depends on besides the cell and the seed."""
    if cell[0] == "attack":
        return f"{LEVELS} {LAYERS} {CHANNELS} {STEPS_PIXELCNN} {STEPS_CLASSIFIER} {NUM_ATTACKED} {EPSILONS} {RATE}"
    return f"{HIDDEN} {STEPS} {BATCH} {RATE} {MUTATION}"


def page(done: dict[cells.Cell, dict[str, Any]], options: Any) -> str:
    """Write the whole page."""
    results = {cell[0]: result for cell, result in done.items()}
    rows = []
    for name in SETS[:2]:
        if name not in results:
            continue
        known = results[name]
        rows.append([f"**{name}**", f"{known['log_prob']:.1f}", f"{known['rare']:.1%}", *[""] * len(SCORES)])
        for kind, found in known["strangers"].items():
            areas = [f"{found[score]:.3f}" for score in SCORES]
            rows.append([kind, f"{found['log_prob']:.1f}", f"{found['rare']:.1%}", *areas])
    head = ["pictures", "log p(x), nats", "p < 5 %", *(f"AUROC, {score}" for score in SCORES)]
    attacked = results.get("attack", {"clean": 0.0, "rare": 0.0, "log_prob": 0.0, "rows": []})
    lines = [
        [str(e), *(f"{value:.1%}" for value in values), f"{1e3 * seconds:.1f} ms"]
        for e, *values, seconds in attacked["rows"]
    ]
    columns = ["epsilon", "attacked", "purified", "clean, purified", "p < 5 %: attacked", "purified", "time a picture"]
    return f"""# Anomalies and attacks

Written by `python -m {PROGRAM}`; do not edit by hand.

## Pictures of another kind

A MADE of MNIST's digits in black and white (a pixel is 1 from grey value 128 on) scores test digits of the classes that
it was trained on, in bold, and below them pictures of other kinds: Omniglot's characters (the test alphabets) and the
other digits. p-values (`metrics.typicality`) are ranks among the validation pictures of the known classes; a share of
5 % below 5 % is what a test of this kind is made to give on known pictures. The area under the curve is 1 for a score
that tells each stranger from each known picture, and 0.5 for chance. The likelihood and its p-value rank alike; "both
sides" holds a likelihood that is too high against a picture too; the ratio is that to a background model.

{cells.table(head, rows)}

- One hidden layer of {HIDDEN} units, {STEPS:,} steps of Adam on {BATCH} pictures, rate {RATE} falling to zero. The
  background model is the same, trained on pictures of which a share of {MUTATION} of the pixels is drawn anew from 0
  and 1 at each step (Ren and others, 2019, https://arxiv.org/abs/1906.02845). No setting was chosen by a stranger.

## PixelDefend against the fast gradient sign method

MNIST at {LEVELS} levels. The attack moves each pixel by `epsilon` levels in the direction that raises the loss of a
convolutional classifier; `ar.pixel_defend` moves it back inside a ball of the same size. Accuracy of the classifier on
the first {NUM_ATTACKED:,} test pictures; {attacked["clean"]:.1%} before the attack. One standard error is at most
{0.5 / NUM_ATTACKED**0.5:.1%}.

{cells.table(columns, lines)}

- p-values rank among {NUM_ATTACKED:,} validation pictures; untouched test pictures: {attacked["rare"]:.1%} below 5 %.
  The last column is the processor time of purifying one of {NUM_ATTACKED:,} pictures together.
- Model: `ar.pixelcnn((1, 28, 28), num_levels={LEVELS}, num_layers={LAYERS}, num_channels={CHANNELS})`,
  {STEPS_PIXELCNN:,} steps on {BATCH_PIXELCNN} pictures, {-attacked["log_prob"]:.1f} nats on the test pictures.
  Classifier: two convolutions and a linear layer, {STEPS_CLASSIFIER:,} steps on {BATCH_CLASSIFIER} pictures.
- Song, Kim, Nowozin, Ermon, Kushman (2018), https://arxiv.org/abs/1710.10766, purify Fashion-MNIST and CIFAR-10 at 256
  levels with larger models; their figures are of other data. The attack does not know of the defence; attacks that do
  get past it (Athalye, Carlini, Wagner, 2018, https://arxiv.org/abs/1802.00420).

## Run

{cells.facts(PROGRAM, options, done)}
"""


def main() -> None:
    """Compute what is missing, and write the page."""
    options = cells.read_options(PROGRAM, __doc__ or "", SETS, 1)
    wanted = [(name, 0, "pixelcnn" if name == "attack" else "made") for name in options.only or SETS]
    done = cells.run(wanted, lambda cell: compute(cell, options), options, settings)
    cells.write(page(done, options), options.out)


if __name__ == "__main__":
    main()
