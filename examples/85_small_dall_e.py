"""
A small DALL-E
==============

Text to pictures, in the two stages of DALL-E. First a discrete VAE turns pictures into a grid of codes, relaxed in
training so that gradients pass. Then one transformer reads a caption and predicts the codes behind it, one after the
other: ``fit_prior`` makes it the prior of the VAE, and ``sample`` with a caption as the context draws pictures of it.

Pictures are one digit or two, captions say which: "a handwritten seven", "a seven left of a three". Ten of the hundred
pairs are never seen in training. Whether the model draws them all the same is judged by a small classifier of single
digits. With ``--root`` the digits are MNIST's; without, those of scikit-learn.
"""  # noqa: D205, D212, D415

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import pyro
import torch
import torch.nn.functional as F
from torch import Tensor

from pyrodgm import Neural, data, heads, infer, models, nn, plots, quantizers
from pyrodgm import autoregressive as ar

NUM_CODES = 64
NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def caption(number: int) -> str:
    """Say which two digits a picture shows."""
    return f"a {NAMES[number // 10]} left of a {NAMES[number % 10]}"


# %%
# Encoder and decoder are residual networks; the decoder's first layer holds the code vectors, averaged where codes are
# relaxed. In training the temperature falls. The divergence from uniform codes weighs a tenth: in full it leaves codes
# so random that the second stage learns little but noise.
def build(shape: Sequence[int], num_steps: int) -> models.DVAE:
    """Build a discrete VAE whose codes stand for 4 x 4 pixels."""
    grid = [-(-size // 4) for size in shape[1:]]
    encoder = nn.ResNetEncoder(shape, (NUM_CODES, *grid), num_channels=32, num_blocks=1)
    decoder = nn.ResNetDecoder((NUM_CODES, *grid), shape, num_channels=32, num_blocks=1)
    quantizer = quantizers.RelaxedCategorical(NUM_CODES, final_temperature=0.3, anneal_steps=num_steps)
    return models.DVAE(encoder, quantizer, Neural(decoder, heads.Bernoulli(math.prod(shape))))


def train(module: torch.nn.Module, loss_of: Callable[[Tensor], Tensor], num_rows: int, num_steps: int) -> None:
    """Minimise the mean of a loss over random rows."""
    optimizer = torch.optim.Adam(module.parameters(), lr=2e-3, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
    for _ in range(num_steps):
        optimizer.zero_grad()
        loss_of(torch.randint(num_rows, (64,))).backward()
        optimizer.step()
        schedule.step()


def singles(x: Tensor, labels: Tensor, shape: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return the halves of pictures of pairs, ``(2, num, height * width / 2)``, and the digits there, ``(2, num)``."""
    return torch.stack(x.reshape(-1, *shape[1:]).chunk(2, -1)).flatten(2), torch.stack((labels // 10, labels % 10))


def main(argv: Sequence[str] | None = None) -> None:
    """Train both stages, judge drawn pairs, and draw prompts and completions."""
    parser = argparse.ArgumentParser(description="Pictures of digits from captions")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1800)
    parser.add_argument("--root", type=Path, help="folder with mnist/")
    parser.add_argument("--out", type=Path, default=Path("runs/examples/85_small_dall_e"))
    args = parser.parse_args(argv)
    pyro.set_rng_seed(args.seed)

    splits = data.captioned_mnist(args.root) if args.root else data.captioned_digits(data.digits())
    x, text, labels, words = splits.train.x, splits.train.context, splits.train.labels, splits.words
    dall_e = build(splits.shape, args.steps)
    loss_fn = infer.ReparameterizedELBO(beta=0.1)(dall_e.model, dall_e.guide)
    train(dall_e, lambda rows: loss_fn(x[rows]) / len(rows), len(x), args.steps)
    positions = dall_e.grid_shape.numel()
    prior = ar.prompted(len(words), words.length, NUM_CODES, positions, model_dim=64, num_layers=3)
    losses = dall_e.fit_prior(prior, x, text, num_steps=3 * args.steps, batch_size=64, lr=2e-3)
    dall_e.eval()
    unseen = splits.valid.x[:500], splits.valid.context[:500]
    bound = infer.log_evidence(dall_e.model, dall_e.guide, *unseen, num_particles=10)
    print(f"a code costs {math.log(NUM_CODES):.2f} nats of itself, {sum(losses[-50:]) / 50 / positions:.2f} after text")
    print(f"log p(picture | caption) >= {bound.mean():.1f} nats on new pictures")

    # %%
    # The judge learns from the halves of training pictures, and is itself judged on test pictures.
    pairs, judge = labels < 100, nn.MLP(math.prod(splits.shape) // 2, 10, hidden_dims=(256,))
    pictures, digits = (part.flatten(0, 1) for part in singles(x[pairs], labels[pairs], splits.shape))
    train(judge, lambda rows: F.cross_entropy(judge(pictures[rows]), digits[rows]), len(pictures), args.steps)

    def share(x: Tensor, labels: Tensor) -> float:
        pictures, digits = singles(x, labels, splits.shape)
        return (judge(pictures).argmax(-1) == digits).all(0).double().mean().item()

    test = torch.nonzero(splits.test.labels < 100).flatten()
    print(f"the judge reads {share(splits.test.x[test], splits.test.labels[test]):.0%} of real pairs rightly")
    new = torch.tensor(sorted(set(range(100)) - set(labels.tolist())))
    for name, chosen in {"seen in training": labels[pairs].unique(), "never seen together": new}.items():
        prompts = chosen.repeat(50)[:500]
        drawn = dall_e.sample(500, words.encode([*map(caption, prompts.tolist())]))
        print(f"of pairs {name}, {share(drawn, prompts):.0%} of the drawn pictures are read as prompted")
    shown = [*map(caption, new[:5].tolist()), "a handwritten seven"]
    draws = {text: dall_e.sample(8, words.encode([text] * 8)) for text in shown}
    plots.samples_grid(draws, splits.shape, args.out / "1_prompts_never_seen.png", num_columns=8)

    # %%
    # Codes come row by row: with the first half of a picture's known, the same transformer draws the rest of it.
    known, half = dall_e.encode(splits.test.x[test[:12]]).flatten(1), torch.arange(positions) < positions // 2
    completed = prior.sample((4,), splits.test.context[test[:12]], condition_on=known, mask=half)
    completed = dall_e.decode(completed.reshape(-1, *dall_e.grid_shape)).reshape(4, 12, -1)
    rows = {"data": splits.test.x[test[:12]]} | {f"completion {i + 1}": row for i, row in enumerate(completed)}
    plots.samples_grid(rows, splits.shape, args.out / "2_completions.png", num_columns=12)


if __name__ == "__main__":
    main()
