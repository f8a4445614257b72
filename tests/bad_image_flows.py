"""Bad input to flows over images, with its messages: a part of the table in tests/test_bad_input.py."""

import pyro.distributions as dist
import torch

from pyrodgm import Fixed, Neural, distributions, flows, heads, nn, plots, transforms

GLOW = {"num_scales": 1, "num_steps": 1, "hidden_channels": 4}
BLACK = torch.tensor([1.0, 0.0]).view(2, 1, 1)  # the last of two channels


def coupling(kind, shape, univariate=None, **kwargs):
    univariate = univariate or transforms.Affine()
    return kind(shape, univariate, nn.ConvNet(shape[0], 1, hidden_channels=4), **kwargs)


def bytes_of_images():
    return torch.arange(2 * 16.0).reshape(2, 1, 4, 4) * 8


CASES = {
    "squeezing an odd width": (
        lambda: transforms.Squeeze((3, 4, 5)),
        r"Expected an even height and width to squeeze; got 4 x 5\. Pad or crop the images to 4 x 6, say\.",
    ),
    "squeezing another image": (
        lambda: transforms.Squeeze((3, 4, 4)).inverse_and_ladj(torch.zeros(5, 3, 4, 6)),
        r"Expected events of shape \(\*batch, 3, 4, 4\); got \(5, 3, 4, 6\)\. Build Squeeze for the shape",
    ),
    "shape of another image": (
        lambda: transforms.Squeeze((3, 4, 4)).forward_shape(torch.Size((5, 3, 4, 4))),
        r"Expected a shape \(\*batch, 12, 2, 2\); got \(5, 3, 4, 4\)\. Build Squeeze for",
    ),
    "image without channels": (
        lambda: transforms.Squeeze((4, 4)),
        r"Expected shape to be \(channels, height, width\); got \(4, 4\)\.",
    ),
    "one channel to split": (
        lambda: coupling(transforms.ChannelCoupling, (1, 4, 4)),
        r"Expected at least 2 channels to split; got 1\. Squeeze the image first, or couple the squares",
    ),
    "a board of one square": (
        lambda: coupling(transforms.CheckerboardCoupling, (1, 1, 1)),
        r"Expected squares that move; got images of 1 x 1 with flip=False\. Build it with flip=True, or",
    ),
    "coupling of half a line": (
        lambda: coupling(transforms.CheckerboardCoupling, (1, 2, 2), transforms.Sigmoid()),
        r"Expected a univariate of the whole line; got Sigmoid, from Real\(\) to Interval.*\. Put such a map at an end",
    ),
    "conditioner of other channels": (
        lambda: transforms.ChannelCoupling((2, 4, 4), transforms.Affine(), nn.ConvNet(1, 3))(torch.zeros(5, 2, 4, 4)),
        r"Expected a conditioner with maps of shape \(\*batch, 2, 4, 4\), 2 parameters of each .*; got \(5, 3, 4, 4\)",
    ),
    "network of other channels": (
        lambda: nn.ResidualConv(3, 2)(torch.zeros(5, 2, 4, 4)),
        r"Expected x of shape \(\*batch, 3, height, width\); got \(5, 2, 4, 4\)\. Build the network with the channels",
    ),
    "context missing in a network of images": (
        lambda: nn.ConvNet(1, 2, context_dim=3)(torch.zeros(5, 1, 4, 4)),
        r"Expected context of shape \(\*batch, 3\); got None\. Pass the context\.",
    ),
    "context superfluous in a network of images": (
        lambda: nn.ResidualConv(1, 2)(torch.zeros(5, 1, 4, 4), torch.zeros(5, 3)),
        r"Expected no context; got one of shape \(5, 3\)\.",
    ),
    "no hidden channels": (
        lambda: flows.realnvp_image((1, 4, 4), num_scales=2, hidden_channels=0),
        r"Expected hidden_channels to be an integer of at least 1; got 0\.",
    ),
    "convolution of other channels": (
        lambda: transforms.InvertibleConvolution(3).inverse_and_ladj(torch.zeros(5, 4, 2, 2)),
        r"Expected events of shape \(\*batch, 3, height, width\); got \(5, 4, 2, 2\)\. Build the convolution for",
    ),
    "convolution of no channels": (
        lambda: transforms.InvertibleConvolution(0),
        r"Expected num_channels of at least 1; got 0\.",
    ),
    "ActNorm of no event": (lambda: transforms.ActNorm(3, event_dim=0), r"Expected event_dim of at least 1; got 0\."),
    "ActNorm of a black channel": (
        lambda: transforms.ActNorm(2, event_dim=3).initialize(torch.randn(5, 2, 2, 2) * BLACK),
        r"Expected columns that vary to initialize ActNorm; got one value only in column\(s\) \[1\]\.",
    ),
    "flattened images": (
        lambda: transforms.Flattened(transforms.Squeeze((1, 2, 2)), (1, 2, 2)),
        r"Expected a bijection of event_dim 1; got 3\. Use a bijection of images as it is\.",
    ),
    "no scale of an image flow": (
        lambda: transforms.Multiscale((1, 4, 4), []),
        r"Expected at least one bijection; got an empty list\.",
    ),
    "scales of vectors": (
        lambda: transforms.Multiscale((1, 4, 4), [transforms.Flip()]),
        r"Expected scales of event_dim 3; got 1\. Build them for images\.",
    ),
    "an odd number of channels after a scale": (
        lambda: transforms.Multiscale((3, 4, 4), [transforms.InvertibleConvolution(3)] * 2),
        r"Expected an even number of channels after scale 1, of which half leave; got 3\. Squeeze in that scale, or",
    ),
    "a scale for other images": (
        lambda: transforms.Multiscale((1, 4, 4), [transforms.Squeeze((1, 4, 4)), transforms.Squeeze((4, 2, 2))]),
        r"Expected scale 2 to take images of shape \(2, 2, 2\), which come to it; Expected a shape "
        r"\(\*batch, 4, 2, 2\)",
    ),
    "a scale that widens": (
        lambda: transforms.Multiscale((4, 2, 2), [transforms.Inverse(transforms.Squeeze((1, 4, 4)))]),
        r"Expected scale 1 to keep the shape \(4, 2, 2\) or to squeeze it; got \(1, 4, 4\)\. Use Squeeze for what",
    ),
    "latent variables of a scale too few": (
        lambda: transforms.Multiscale((1, 4, 4), [transforms.Squeeze((1, 4, 4))]).pack([]),
        r"Expected latent variables of shapes \[\(4, 2, 2\)\]; got \[\]\. Give those of every scale",
    ),
    "an image that cannot be halved at the second scale": (
        lambda: flows.glow((3, 30, 30), num_scales=3),
        r"Expected images whose height and width can be halved 3 times; got shape \(3, 30, 30\), which is 15 x 15 at "
        r"scale 2\. Pad them to 32 x 32, or build fewer scales\.",
    ),
    "an odd image": (
        lambda: flows.realnvp_image((1, 7, 8), num_scales=2),
        r"can be halved 1 times; got shape \(1, 7, 8\), which is 7 x 8 at scale 1\. Pad them to 8 x 8, or build",
    ),
    "a last scale of one pixel": (
        lambda: flows.realnvp_image((1, 4, 4), num_scales=3),
        r"Expected at least two pixels at scale 3, the last; got images of shape \(1, 4, 4\), which are 1 x 1 there\. "
        r"Build at most 2 scales\.",
    ),
    "an image of one pixel": (
        lambda: flows.nice_image((3, 1, 1)),
        r"Expected squares that move; got images of 1 x 1",
    ),
    "no steps of Glow": (lambda: flows.glow((1, 4, 4), num_steps=0), r"Expected num_steps of at least 1; got 0\."),
    "no scales of Glow": (lambda: flows.glow((1, 4, 4), num_scales=0), r"Expected num_scales of at least 1; got 0\."),
    "no layers of NICE": (
        lambda: flows.nice_image((1, 4, 4), num_layers=0),
        r"Expected num_layers of at least 1; got",
    ),
    "margin of an image flow": (
        lambda: flows.glow((1, 4, 4), logit=0.5, **GLOW),
        r"Expected alpha in \[0, 0\.5\); got 0\.5\.",
    ),
    "base of vectors under images": (
        lambda: flows.glow((1, 4, 4), base=Fixed(distributions.StandardNormal(16)), **GLOW),
        r"Expected a base over images of shape \(1, 4, 4\); got one over \(16,\)\. Build it with the shape",
    ),
    "bytes scored as images": (
        lambda: flows.realnvp_image((1, 4, 4), num_scales=1)().log_prob(bytes_of_images()),
        r"Expected values inside the open interval \(-0\.0555556, 1\.05556\) .*; got 8\. Scale .* divide by 256, "
        r"or use models\.Dequantized",
    ),
    "bytes to start from": (
        lambda: flows.glow((1, 4, 4), **GLOW).initialize(bytes_of_images()),
        r"Expected values inside the open interval .*; got 8\. Scale the data to it\. Of bytes, divide by 256",
    ),
    "white pixels without a margin": (
        lambda: flows.glow((1, 4, 4), logit=0.0, **GLOW)().log_prob(torch.ones(2, 1, 4, 4)),
        r"interval \(0, 1\) .*; got 1\. Dequantize the data, or give alpha > 0, a margin\. Of bytes, divide by 256",
    ),
    "no temperature": (
        lambda: flows.realnvp(2).at_temperature(0.0),
        r"Expected temperature > 0; got 0\.0\. 1 leaves draws as they are\.",
    ),
    "temperature of a base with parameters": (
        lambda: flows.maf(2, 3, base=Neural(nn.MLP(3, 4), heads.Normal(2))).at_temperature(0.5),
        r"Expected a base without parameters, of mean zero; got Neural\. Build the flow over its default base, or",
    ),
    "temperature of a base off zero": (
        lambda: flows.maf(2, base=Fixed(dist.Normal(torch.ones(2), 1.0).to_event(1))).at_temperature(0.5),
        r"Expected a base without parameters, of mean zero; got Fixed\.",
    ),
    "path between images of other shapes": (
        lambda: flows.realnvp(2).interpolate(torch.zeros(2), torch.zeros(5, 2)),
        r"Expected two ends of shape \(\*batch, 2\); got \(2,\) and \(5, 2\)\. Give as many first as last data\.",
    ),
    "path of one datum": (
        lambda: flows.realnvp(2).interpolate(torch.zeros(2), torch.zeros(2), 1),
        r"Expected num of at least 2, the two ends; got 1\.",
    ),
    "path without its context": (
        lambda: flows.realnvp(2, 3).interpolate(torch.zeros(2), torch.ones(2)),
        r"Expected context of shape \(\*batch, 3\); got None\.",
    ),
    "scales of a flow that has none": (
        lambda: plots.scales(flows.nice_image((1, 4, 4)), torch.rand(2, 1, 4, 4)),
        r"Expected a multi-scale flow; got one that starts with CheckerboardCoupling\. Build it with",
    ),
    "scales of other images": (
        lambda: plots.scales(flows.realnvp_image((1, 4, 4), num_scales=2), torch.rand(2, 1, 4, 6)),
        r"Expected images of shape \(num, 1, 4, 4\), num > 0; got \(2, 1, 4, 6\)\.",
    ),
}
