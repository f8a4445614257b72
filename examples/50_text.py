"""
Text, a character at a time
===========================

Two models of text: a recurrent one, whose state sums up what it has read, and a transformer, which looks back at all
of it. Both are conditionals as any other here: ``model().log_prob(x)`` is exact, in nats for a whole window of
characters, and draws are exact as well. With ``--root`` they read the plays in ``tinyshakespeare/input.txt`` below
that folder; without it, two sonnets, which are short enough to be learned by heart.
"""  # noqa: D205, D212, D415

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import pyro
import torch
from torch import Tensor

from pyrodgm import autoregressive as ar
from pyrodgm import data, plots

SONNETS = """Shall I compare thee to a summer's day?
Thou art more lovely and more temperate:
Rough winds do shake the darling buds of May,
And summer's lease hath all too short a date:
Sometime too hot the eye of heaven shines,
And often is his gold complexion dimm'd;
And every fair from fair sometime declines,
By chance or nature's changing course untrimm'd;
But thy eternal summer shall not fade
Nor lose possession of that fair thou owest;
Nor shall Death brag thou wander'st in his shade,
When in eternal lines to time thou growest:
So long as men can breathe or eyes can see,
So long lives this and this gives life to thee.
When, in disgrace with fortune and men's eyes,
I all alone beweep my outcast state
And trouble deaf heaven with my bootless cries
And look upon myself and curse my fate,
Wishing me like to one more rich in hope,
Featured like him, like him with friends possess'd,
Desiring this man's art and that man's scope,
With what I most enjoy contented least;
Yet in these thoughts myself almost despising,
Haply I think on thee, and then my state,
Like to the lark at break of day arising
From sullen earth, sings hymns at heaven's gate;
For thy sweet love remember'd such wealth brings
That then I scorn to change my state with kings.
"""
PROMPT = "So long as "


# %%
# A loss in nats for a window of characters, divided by their number and by log 2, is bits per character: how many
# yes-or-no questions, on average, the model would still have to ask.
def train(model: ar.Autoregressive, x: Tensor, num_steps: int) -> list[float]:
    """Maximise the likelihood and return the bits per character of every step."""
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
    bits = []
    for _ in range(num_steps):
        batch = x[torch.randint(len(x), (16,))]
        loss = bits_per_character(model, batch)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        bits.append(loss.item())
    return bits


def bits_per_character(model: ar.Autoregressive, x: Tensor) -> Tensor:
    """Average over windows ``(num, length)``."""
    return -model().log_prob(x).mean() / x.shape[1] / math.log(2)


# %%
# A prompt is what is known beforehand; the rest is NaN. ``model.sample`` draws exactly; ``ar.sample_biased`` favours
# what the model finds likely, and says so by its name: its texts are no draws of the model.
def main(argv: Sequence[str] | None = None) -> None:
    """Train, draw the curves, and go on from the prompt."""
    parser = argparse.ArgumentParser(description="Models of characters, and texts that they write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--root", type=Path, help="folder with tinyshakespeare/input.txt")
    parser.add_argument("--out", type=Path, default=Path("runs/examples/50_text"))
    args = parser.parse_args(argv)
    pyro.set_rng_seed(args.seed)

    if args.root:
        splits = data.tinyshakespeare(args.root, length=128)
        characters, x, new = splits.characters, splits.train.x, splits.test.x[:50]
    else:
        characters = data.Characters(SONNETS)
        x, new = characters.encode(SONNETS).unfold(0, 64, 1), None
    num_symbols, length = len(characters), x.shape[1]
    models = {
        "char-RNN": ar.char_rnn(num_symbols, length, hidden_dim=128),
        "transformer": ar.transformer(num_symbols, length, num_layers=2, model_dim=64),
    }
    prompt = torch.full((length,), torch.nan)
    prompt[: len(PROMPT)] = characters.encode(PROMPT)
    curves = {}
    for name, model in models.items():
        curves[name] = train(model, x, args.steps)
        with torch.no_grad():
            score = "" if new is None else f", {bits_per_character(model, new):.2f} on new text"
        print(f"{name}: {curves[name][-1]:.2f} bits per character in training{score}")
        print("  exact draw:     ", repr(characters.decode(model.sample(condition_on=prompt))))
        for temperature in (0.7, 0.1):
            text = ar.sample_biased(model, temperature=temperature, top_p=0.95, condition_on=prompt)
            print(f"  temperature {temperature}:", repr(characters.decode(text)))
    plots.training_curves(curves, args.out / "1_curves.png", y_label="bits per character")


if __name__ == "__main__":
    main()
