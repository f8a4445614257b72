"""Page of the autoregressive recipes: ``python -m tests.results.autoregressive --out docs/results/autoregressive.md``.

It reads the runs that ``make results`` has left, and writes a row for each that is finished.
"""

from tests.results.recipe_tables import Row, Section, write_page

SECTIONS = (
    Section(
        "Static binarized MNIST",
        "test NLL, nats",
        "nll_nats",
        (
            Row("mnist_fvsbn", "FVSBN", 98.0, "97.45 (recalled)"),
            Row("mnist_nade", "NADE", 91.0, "88.33, 500 units (recalled)"),
            Row("mnist_made_1", "MADE, 1 hidden layer, 1 mask", 90.0, "88.40 (recalled)"),
            Row("mnist_made_1_32", "MADE, 1 hidden layer, 32 masks", 90.0, "88.04 (recalled)"),
            Row("mnist_made_2", "MADE, 2 hidden layers, 1 mask", 90.0, ""),
            Row("mnist_made_2_32", "MADE, 2 hidden layers, 32 masks", 90.0, "86.64, 2 x 8000 (recalled)"),
            Row("mnist_pixelcnn", "PixelCNN", 87.0, "81.30"),
            Row("mnist_gated_pixelcnn", "Gated PixelCNN", 87.0, ""),
            Row("mnist_row_lstm", "Row LSTM", 87.0, "80.54 (recalled)"),
            Row("mnist_diagonal_bilstm", "Diagonal BiLSTM", 87.0, "80.75, 1 layer; 79.20, 7 layers (recalled)"),
        ),
        "Larochelle's fixed binarization, 50,000 / 10,000 / 10,000 pictures of 784 pixels. Published figures come from "
        "far longer trainings on GPUs. The goal of 87 nats is for the best image model.",
        "![16 draws of each model, in the order of the table](draws/mnist.png)\n\n"
        "MADE has sigmoid units, direct connections and weight decay. With ReLU units and none of the rest it stood at "
        "100.3 nats with one hidden layer, at 104.9 with two, and at 129.1 with two and 32 masks (validation). Half of "
        "the weight decay gave 90.46 with one layer and one mask, FVSBN without any 98.48 (test).",
    ),
    Section(
        "CIFAR, the first 4,000 pictures",
        "test bits per dimension",
        "bits_per_dim",
        (
            Row("cifar_pixelcnn", "PixelCNN"),
            Row("cifar_gated_pixelcnn", "Gated PixelCNN"),
            Row("cifar_pixelcnn_pp", "PixelCNN++"),
        ),
        "3,200 / 400 / 400 of the first 4,000 training pictures of CIFAR-10: not the benchmark, and no figure here can "
        "be compared with the published 3.14 (PixelCNN), 3.03 (Gated PixelCNN) or 2.92 (PixelCNN++). One budget for "
        "the three, to compare them side by side.",
        "![16 draws of each model, in the order of the table](draws/cifar.png)\n\n"
        "Eight minutes on 3,200 pictures are not enough for objects. Where a draw of PixelCNN++ has left what pictures "
        "look like, it does not come back: saturated pixels follow saturated pixels.",
    ),
    Section(
        "tinyshakespeare",
        "test bits per character",
        "bits_per_dim",
        (Row("shakespeare_char_rnn", "char-RNN", 2.2), Row("shakespeare_transformer", "transformer", 2.2)),
        "The last 10 % of the text in consecutive windows; each window starts without what came before it, so that "
        "its first characters cost more than they would in the running text.",
        "[One draw of each](draws/shakespeare.txt). Tried before: a transformer of 3 layers in windows of 128 "
        "characters, without dropout, 15 minutes: 2.608 bits, with 1.86 on the text that it was trained on.",
    ),
    Section(
        "Spoken digits (FSDD)",
        "test bits per sample",
        "bits_per_dim",
        (Row("fsdd_wavenet", "WaveNet"),),
        "8 kHz, 256 mu-law levels, the digit as the context; takes 0-4 of each speaker and digit are the test set.",
        "![Spectrograms of test clips, and below them of draws](draws/fsdd.png)\n\nOne draw of each digit: "
        + ", ".join(f"[{digit}](draws/fsdd_{digit}.wav)" for digit in range(10))
        + ". A tenth of a second is what the network sees of the past: draws sound like a voice, not like words.",
    ),
)

TEXT = """# Autoregressive models

Written by `python -m tests.results.autoregressive` from the runs of `make results`; do not edit by hand.

Every row is one training of its recipe within the minutes that the recipe gives it, and the exact likelihood of the
whole test set; ± is one standard error over test data. {measured_on}

```text
make results RECIPES="mnist_fvsbn mnist_nade"
python -m tests.results.autoregressive_draws --out docs/results/draws
```

{tables}"""


def main(argv: list[str] | None = None) -> None:
    """Write the page."""
    write_page(__doc__ or "", TEXT, SECTIONS, argv)


if __name__ == "__main__":
    main()
