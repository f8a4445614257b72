"""
Missing pixels: the other half of a picture
===========================================

A VAE of complete pictures knows which halves belong together. Given the upper half :math:`x_{obs}` of a digit, the
lower one is drawn in four ways:

- *no ink*: encode the picture as if no missing pixel had ink, and decode;
- a *chain*: start the missing half anywhere, encode, decode it anew, and again (pseudo-Gibbs);
- *weights*: many short chains, one of which is chosen with weights that are exact, however wrong the encoder is about
  pictures that are half made up;
- *amortised*: an encoder :math:`q(z \\mid x_{obs})` of its own for halves, trained on the bound of
  :math:`\\log p(x_{obs})` with the decoder as it is. What the others find out for each picture, it has learned once,
  for this one mask.
"""  # noqa: D205, D212, D301, D415

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import pyro
import torch
from torch import Tensor

from pyrodgm import Neural, data, heads, infer, models, nn, plots

LATENT_DIM = 8
OBSERVED = torch.arange(64) < 32  # the upper half
NUM_DRAWS = 20


def minimise(parameters: list[torch.nn.Parameter], loss_of: Callable[[Tensor], Tensor], x: Tensor, steps: int) -> None:
    """Minimise the mean loss of random batches by Adam whose rate falls to zero."""
    optimizer = torch.optim.Adam(parameters, lr=2e-3, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        batch = x[torch.randint(len(x), (128,))]
        optimizer.zero_grad()
        (loss_of(batch) / len(batch)).backward()
        optimizer.step()
        schedule.step()


# %%
# The bound of what is observed: the pixels that are missing are simply left out of the likelihood.
def amortise(vae: models.VAE, x: Tensor, steps: int) -> Neural:
    """Train an encoder of upper halves for the decoder of a VAE, which stays as it is."""
    encoder = Neural(nn.MLP(64, 2 * LATENT_DIM, hidden_dims=(128,)), heads.Normal(LATENT_DIM))

    def loss(batch: Tensor) -> Tensor:
        q = encoder(batch * OBSERVED)
        z = q.rsample()
        log_likelihood = vae.likelihood(z).base_dist.log_prob(batch)[:, OBSERVED].sum(-1)
        return (q.log_prob(z) - vae.prior().log_prob(z) - log_likelihood).sum()

    minimise(list(encoder.parameters()), loss, x, steps)
    return encoder


def main(argv: Sequence[str] | None = None) -> None:
    """Train, complete the test pictures in each way, print the table and draw."""
    parser = argparse.ArgumentParser(description="The lower halves of digits from their upper halves")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--particles", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("runs/examples/72_missing_pixels"))
    args = parser.parse_args(argv)
    pyro.set_rng_seed(args.seed)

    splits = data.digits()
    vae = models.vae(64, LATENT_DIM, hidden_dims=(128,))
    loss_fn = infer.ReparameterizedELBO()(vae.model, vae.guide)
    minimise(list(vae.parameters()), loss_fn, splits.train.x, args.steps)
    encoder = amortise(vae, splits.train.x, args.steps)

    x = splits.test.x
    half = torch.where(OBSERVED, x, torch.nan)

    def decoded(q: torch.distributions.Distribution) -> Tensor:
        with torch.no_grad():
            return torch.where(OBSERVED, x, vae.likelihood(q.sample()).sample())

    def imputed(**settings: object) -> Tensor:
        return infer.impute(vae.model, vae.guide, half, **settings)  # type: ignore[arg-type]

    blank = torch.where(OBSERVED, x, 0.0)
    ways: dict[str, Callable[[], Tensor]] = {
        "any other digit": lambda: torch.where(OBSERVED, x, splits.train.x[torch.randint(1197, (len(x),))]),
        "no ink": lambda: decoded(vae.posterior(blank)),
        "chain, 1 step": lambda: imputed(num_steps=1),
        "chain, 5 steps": lambda: imputed(num_steps=5),
        "chain, 50 steps": lambda: imputed(num_steps=50),
        "weights, 10 particles": lambda: imputed(method="importance", num_steps=3, num_particles=10),
        f"weights, {args.particles} particles": lambda: imputed(
            method="importance", num_steps=3, num_particles=args.particles
        ),
        "amortised": lambda: decoded(encoder(blank)),
    }

    # %%
    # A draw is one of many completions that may be right. The average of several says how probable each pixel is: its
    # error is that of the best guess.
    print(f"{'wrong pixels of the lower half':30} one draw  best guess of {NUM_DRAWS} draws")
    few: dict[str, Tensor] = {"pictures": x[:20], "given": blank[:20] + 0.4 * ~OBSERVED}
    for name, way in ways.items():
        draws = torch.stack([way() for _ in range(NUM_DRAWS)])[..., ~OBSERVED]
        wrong = (draws != x[:, ~OBSERVED]).double().mean()
        guess = (draws.mean(0).round() != x[:, ~OBSERVED]).double().mean()
        print(f"{name:30} {wrong:8.1%}  {guess:24.1%}", flush=True)
        few[name] = torch.where(OBSERVED, x, torch.zeros_like(x).masked_scatter(~OBSERVED.expand_as(x), draws[0]))[:20]
    plots.samples_grid(few, splits.shape, args.out / "1_completions.png", num_columns=20, value_range=(0, 1))


if __name__ == "__main__":
    main()
