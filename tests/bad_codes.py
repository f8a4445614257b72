"""Bad input to models with codes, to transformers over text, and to captions: a part of tests/test_bad_input.py."""

import pyro.distributions as dist
import torch

from pyrodgm import Fixed, data, distributions, flows, models, nn, quantizers
from pyrodgm import autoregressive as ar
from tests.code_cases import TINY, d_vae, encoder, likelihood, vq_vae


def x():
    return torch.zeros(5, 6)


def words():
    return data.Words(["a handwritten seven", "a seven left of a three"])


def constant(shape, num_codes=4):
    return Fixed(dist.Categorical(logits=torch.zeros(num_codes)).expand(shape).to_event(len(shape)))


CASES = {
    "likelihood of other codes": (
        lambda: models.VQVAE(encoder(3, 3), quantizers.VectorQuantizer(4, 3), likelihood(2, 3)),
        r"Expected a likelihood of codes with context_shape \(3, \*grid_shape\).*; got \(2, 3\)\. Build both with one",
    ),
    "encoder to another grid": (
        lambda: models.VQVAE(encoder(2, 4), quantizers.VectorQuantizer(4, 2), likelihood(2, 3)).encode(x()),
        r"Expected an encoder to \(num_rows, 2, 3\), what the likelihood takes; got \(5, 2, 4\) of 5 rows\.",
    ),
    "encoder to other logits": (
        lambda: models.DVAE(encoder(5, 3), quantizers.RelaxedCategorical(4), likelihood(4, 3)).guide(x()),
        r"Expected an encoder to \(num_rows, 4, 3\), what the likelihood takes; got \(5, 5, 3\) of 5 rows\.",
    ),
    "prior over another grid": (
        lambda: vq_vae((2, 3), ar.transformer(4, 7, **(TINY | {"model_dim": 16}))),
        r"Expected a prior over codes on a grid of shape \(2, 3\), or \(6,\); got one over \(7,\)\. Build it for this",
    ),
    "prior over the grid on its side": (
        lambda: vq_vae((2, 3), constant((3, 2))),
        r"Expected a prior over codes on a grid of shape \(2, 3\), or \(6,\); got one over \(3, 2\)\.",
    ),
    "prior of too few levels": (
        lambda: vq_vae(prior=constant((3,), 3)),
        r"Expected a prior over the 4 codes 0 \.\. 3; got one over 0 \.\. 2\. Build it with 4 levels\.",
    ),
    "prior of too many levels": (
        lambda: vq_vae().fit_prior(ar.pixelcnn((1, 1, 3), num_levels=5), x()),
        r"Expected a prior over the 4 codes 0 \.\. 3; got one over 0 \.\. 4\. Build it with 4 levels\.",
    ),
    "prior over real numbers": (
        lambda: vq_vae().fit_prior(flows.maf(3), x()),
        r"Expected a prior over the 4 codes, whole numbers; got one of other values, Flow\. Build it with",
    ),
    "prior without its context": (
        lambda: d_vae().fit_prior(ar.transformer(4, 3, 2, **(TINY | {"model_dim": 16})), x()),
        r"Expected a context for a prior with context_shape \(2,\); got None\. Pass one row of context a datum",
    ),
    "model without its prior's context": (
        lambda: d_vae(prior=ar.transformer(4, 3, 2, **(TINY | {"model_dim": 16}))).sample(3),
        r"Expected context of shape \(\*batch, 2\); got None\. Pass the context\.",
    ),
    "prior with a context too many": (
        lambda: d_vae().fit_prior(ar.transformer(4, 3, **(TINY | {"model_dim": 16})), x(), torch.zeros(5, 2)),
        r"Expected no context; got one of shape \(5, 2\)\.",
    ),
    "too few contexts": (
        lambda: d_vae().fit_prior(ar.prompted(7, 2, 4, 3, **TINY), x(), torch.zeros(4, 2)),
        r"Expected one context a row; got 4 for 5 rows\.",
    ),
    "prior with nothing to train": (
        lambda: vq_vae().fit_prior(constant((3,)), x()),
        r"Expected a prior with parameters to train; Fixed has none\.",
    ),
    "second stage of no steps": (
        lambda: vq_vae().fit_prior(ar.transformer(4, 3), x(), num_steps=0),
        r"Expected num_steps and batch_size of at least 1, and lr > 0; got 0, 128 and 0\.001\.",
    ),
    "second stage on other data": (
        lambda: vq_vae().fit_prior(ar.transformer(4, 3), torch.zeros(5, 7)),
        r"Expected x of shape \(num_rows, 6\); got \(5, 7\)\.",
    ),
    "code out of range": (
        lambda: vq_vae().decode(torch.tensor([[0, 1, 4]])),
        r"Expected codes 0 \.\. 3; got 4 at index \[0, 2\]\. Decode what this model, or its prior, has made\.",
    ),
    "negative code": (lambda: d_vae().decode(torch.tensor([[0, -1, 2]])), r"got -1 at index \[0, 1\]\."),
    "half a code": (lambda: d_vae().decode(torch.tensor([[0, 0.5, 2]])), r"got 0\.5 at index \[0, 1\]\."),
    "codes on another grid": (
        lambda: vq_vae((2, 2)).decode(torch.zeros(3, 4)),
        r"Expected codes of shape \(num, 2, 2\); got \(3, 4\)\. Give one grid a row\.",
    ),
    "divergence of another kind": (
        lambda: d_vae(kl="gumbel"),
        r"Expected kl to be one of categorical, relaxed; got 'gumbel'\.",
    ),
    "density of corners": (
        lambda: d_vae(kl="relaxed", straight_through=True),
        r"Expected draws inside the simplex for kl='relaxed'; got straight_through=True.*Take kl='categorical'",
    ),
    "relaxed density of a learned prior": (
        lambda: d_vae(prior=ar.transformer(4, 3), kl="relaxed").model(x()),
        r"Expected a uniform prior for kl='relaxed' in training mode; got Autoregressive.*Call eval\(\) for the bound",
    ),
    "indices of another grid": (
        lambda: distributions.Coded(constant((3,))(), quantizers.VectorQuantizer(4, 2), (2, 2)),
        r"Expected one index for each of the positions \(2, 2\); got events of shape \(3,\)\.",
    ),
    "vectors of another width": (
        lambda: distributions.Coded(constant((3,))(), quantizers.VectorQuantizer(4, 2)).log_prob(torch.zeros(3, 3)),
        r"Expected value of shape \(\*batch, 2, 3\); got \(3, 3\)\.",
    ),
    "too many grids to enumerate": (
        lambda: distributions.Coded(constant((11,))(), quantizers.VectorQuantizer(4, 2)).enumerate_support(),
        r"Expected at most 1000000 grids to enumerate; got 4 codes at 11 positions\. Draw instead\.",
    ),
    "prompt of no word": (
        lambda: ar.prompted(7, 2, 4, 3)(torch.tensor([6, 7])).log_prob(torch.zeros(3)),
        r"Expected words 0 \.\. 6; got 7 at index \[1\]\. Encode the text with the words that the model was",
    ),
    "prompt of no word, drawn": (
        lambda: ar.prompted(7, 2, 4, 3).sample(context=torch.tensor([[0.0, 1.5]])),
        r"Expected words 0 \.\. 6; got 1\.5 at index \[0, 1\]\.",
    ),
    "prompt of another length": (
        lambda: ar.prompted(7, 2, 4, 3)(torch.zeros(5, 3)),
        r"Expected context of shape \(\*batch, 2\); got \(5, 3\)\.",
    ),
    "no codes": (lambda: ar.prompted(7, 2, 1, 3), r"Expected num_codes to be an integer of at least 2; got 1\."),
    "no text": (lambda: ar.prompted(7, 0, 4, 3), r"Expected text_length to be an integer of at least 1; got 0\."),
    "net without its text": (
        lambda: nn.PromptedTransformer(3, 4, num_words=7, text_length=2, num_codes=4)(torch.zeros(5, 3)),
        r"Expected context of shape \(\*batch, 2\); got None\.",
    ),
    "unknown word": (
        lambda: words().encode("a sevn left of a three"),
        r"Expected the 6 words of vocabulary; got 'sevn' in 'a sevn left of a three'\. Did you mean 'seven'\?",
    ),
    "caption too long": (
        lambda: words().encode(["a seven", "a seven left of a three left"]),
        r"Expected a caption of 1 to 6 words; got 7 in 'a seven left of a three left'\.",
    ),
    "caption without a word": (lambda: words().encode(" "), r"Expected a caption of 1 to 6 words; got 0 in ' '\."),
    "no words": (lambda: data.Words(["", " "]), r"Expected at least one word; got none\. Give the captions"),
    "words that do not fit": (lambda: data.Words(["a seven"], length=1), r"Expected length of at least 2.*; got 1\."),
    "token of no word": (
        lambda: words().decode([0, 7]),
        r"Expected integers from 0 to 6; got 7 at position 1\. Decode with the words that encoded the caption\.",
    ),
    "several captions at once": (
        lambda: words().decode(torch.zeros(2, 6)),
        r"Expected tokens of shape \(length,\); got \(2, 6\)\. Decode one caption at a time\.",
    ),
    "all pairs held out": (
        lambda: data.captioned_digits(data.digits(), held_out_pairs=[divmod(i, 10) for i in range(100)]),
        r"Expected held_out_pairs of digits \(left, right\), not all 100; got .* 100 in all\. Leave some pairs",
    ),
    "pair of no digits": (
        lambda: data.captioned_digits(data.digits(), held_out_pairs=[(3, 10)]),
        r"Expected held_out_pairs of digits \(left, right\), not all 100; got \[\(3, 10\)\]",
    ),
    "no captions": (
        lambda: data.captioned_digits(data.digits(), num_train=0),
        r"Expected numbers of pictures of at least 1; got 0 and 2000\.",
    ),
    "captions without MNIST": (
        lambda: data.captioned_mnist("no_such_folder"),
        r"Expected no_such_folder.*for mnist; got no such file\. Put there",
    ),
}
