"""How far the power of sounds at each frequency is from that of others."""

import torch
from torch import Tensor


def spectral_power_loss(
    x: Tensor, reference: Tensor, *, window_length: int = 256, paired: bool = True, hop_length: int | None = None
) -> Tensor:
    r"""Return :math:`\sum_f \left(\phi_f(x) - \phi_f(r)\right)^2`, where :math:`\phi_f` is the power at frequency f.

    The power is :math:`|\mathrm{STFT}(x)|^2` over the window's length, averaged over time, so that sounds are compared
    by how much of each frequency they have and not by when. It keeps a distilled student from whispering: without it a
    student may be likely to its teacher and too quiet.

    Args:
        x: Sounds, ``(num, length)``, with gradients.
        reference: Real sounds, ``(num, length)``, or of any number where they are not paired.
        window_length: Samples of a window (Hann's).
        paired: Whether row is compared with row, each pair being the same words say, or the mean power of all rows with
            that of all others: rows of draws and of data that have nothing to do with each other.
        hop_length: Samples from one window to the next; a quarter of a window if ``None``.

    Returns:
        The loss, averaged over pairs, a scalar, in units of power squared.

    Raises:
        ValueError: If shapes do not fit, or a window has less than two samples.

    Example:
        >>> import torch
        >>> from pyrodgm import infer
        >>> infer.spectral_power_loss(torch.randn(3, 1000), torch.randn(3, 1000)).shape
        torch.Size([])

    References:
        van den Oord and others (2017), Parallel WaveNet, https://arxiv.org/abs/1711.10433 (the power loss)
    """
    if window_length < 2 or (hop_length is not None and hop_length < 1):
        raise ValueError(
            f"Expected window_length of at least 2 and hop_length of at least 1; got {window_length} and {hop_length}. "
            "Give 256 and None, say."
        )
    fits = x.dim() == reference.dim() == 2 and x.shape[1] == reference.shape[1] and 0 not in (len(x), len(reference))
    if not fits or (paired and len(x) != len(reference)):
        number = "as many" if paired else "any number of"
        raise ValueError(
            f"Expected x of shape (num, length) and {number} references of the same length; got {tuple(x.shape)} and "
            f"{tuple(reference.shape)}. Cut sounds to one length, one a row"
            + (", or compare them with paired=False." if paired else ".")
        )
    hop = hop_length or max(1, window_length // 4)
    powers = [spectral_power(sounds, window_length, hop) for sounds in (x, reference)]
    if not paired:
        powers = [power.mean(0, keepdim=True) for power in powers]
    return (powers[0] - powers[1]).square().sum(-1).mean()


def spectral_power(x: Tensor, window_length: int, hop_length: int) -> Tensor:
    """Return the mean power of sounds ``(num, length)`` at each frequency, ``(num, window_length // 2 + 1)``."""
    window = torch.hann_window(window_length, dtype=x.dtype, device=x.device)
    spectrum = torch.stft(
        x.contiguous(),
        window_length,
        hop_length,
        window=window,
        pad_mode="constant",
        normalized=True,
        return_complex=True,
    )
    return torch.view_as_real(spectrum).square().sum(-1).mean(-1)
