"""Page of the latent-variable recipes: ``python -m tests.results.latent --out docs/results/latent.md``.

It reads the runs that ``make results`` has left, and writes a row for each that is finished.
"""

from tests.results.recipe_tables import Row, Section, write_page

SECTIONS = (
    Section(
        "Static binarized MNIST",
        "test NLL, nats",
        "nll_nats",
        (
            Row("mnist_vae", "VAE, prior N(0, I)", 89.0, "89.9 (two sources)"),
            Row("mnist_iwae", "the same, importance-weighted bound", None, "86.8-87.1, K = 50, static re-runs"),
            Row("mnist_vae_vamp", "VAE, VampPrior", 87.5, "85.57"),
            Row("mnist_hvae", "HVAE, two layers, prior N(0, I)", None, "86.05 (recalled)"),
            Row("mnist_hvae_vamp", "HVAE, two layers, VampPrior", 86.5, "83.19 (recalled)"),
            Row("mnist_vae_iaf_posterior", "VAE, IAF posterior", 88.0, "79.88, deep ResNet"),
            Row("mnist_vae_flow_prior", "VAE, RealNVP prior", None, "80.09, convolutional"),
            Row("mnist_vae_maf_prior", "VAE, MAF prior", None, ""),
            Row("mnist_pixelvae", "PixelVAE: a PixelCNN decoder", None, "79.01, with a flow prior", " (20 particles)"),
        ),
        "Larochelle's fixed binarization, 50,000 / 10,000 / 10,000 pictures of 784 pixels. Importance-weighted, 1,000 "
        "particles for each test picture; beside it 5,000 for the first 1,000, which are harder than most. "
        "Published figures come from far longer trainings on GPUs.",
        """- The importance-weighted bound is that of 10 particles instead of the papers' 50. Even so an epoch takes
  four times as long as that of the VAE: too few of them to pay.
- Without the warm-up of the KL term the VAE stopped after 73 epochs at 92.59 ± 0.28, with 11 of 40 latent variables in
  use (a variance of the posterior's mean above 0.02 over 1,500 test pictures).
- Tried for the IAF posterior: batches of 250 at a rate of 1.5e-3, as the rows with a VampPrior; the validation ELBO
  was 93.64 instead of 93.58.""",
        second="evaluation_5000",
        second_unit="first 1,000, 5,000 particles",
        besides=("mnist_vqvae", "mnist_vqvae_prior"),
    ),
    Section(
        "Caltech-101 silhouettes",
        "test NLL, nats",
        "nll_nats",
        (
            Row("caltech_vae", "VAE, prior N(0, I)", None, "119.7 (recalled)"),
            Row("caltech_iwae", "the same, importance-weighted bound", None, "117.2, K = 50 (recalled)"),
            Row("caltech_vamp", "VAE, VampPrior", None, ""),
        ),
        "28 × 28 silhouettes, 4,100 / 2,264 / 2,307 pictures. Importance-weighted, 1,000 particles.",
    ),
)

TEXT = """# Latent-variable models

Written by `python -m tests.results.latent` from the runs of `make results`; do not edit by hand.

Every row is one training of its recipe within the minutes that the recipe gives it, the weights with the best
validation ELBO, and the importance-weighted likelihood of the whole test set; ± is one standard error over test data.
{measured_on}

`make results RECIPES="mnist_vae mnist_vae_vamp"` trains and evaluates two of them. Paired differences, picture by
picture, are much better known than the figures:

{compared}
{tables}"""


def main(argv: list[str] | None = None) -> None:
    """Write the page."""
    write_page(__doc__ or "", TEXT, SECTIONS, argv)


if __name__ == "__main__":
    main()
