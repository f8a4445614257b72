"""Vector quantization: each vector becomes the nearest of a set of learned codes."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.nn.mlp import check_dim
from pyrodgm.quantizers import processes
from pyrodgm.quantizers.k_means import k_means
from pyrodgm.quantizers.nearest import nearest
from pyrodgm.quantizers.quantized import (
    Quantized,
    check_indices,
    check_num_codes,
    check_width,
    count,
    perplexity_of,
    straight_through,
)
from pyrodgm.quantizers.remembered import Remembered

SMOOTHING = 1e-5  # pseudo-count of each code, which keeps the mean of a code without rows finite


class VectorQuantizer(nn.Module):
    r"""Maps each vector to its nearest code, :math:`z \mapsto e_k,\; k = \arg\min_j \|z - e_j\|`.

    The value is the code itself; the gradient passes straight through to :math:`z`. Codes follow the vectors that chose
    them, in training mode only: as a running mean ("ema"; no optimiser sees the codebook), or by the gradient of
    :math:`\|\mathrm{sg}[z] - e_k\|^2`, which is then a part of ``commitment`` ("gradient"). The other part is
    :math:`\beta \|z - \mathrm{sg}[e_k]\|^2`, which draws vectors to their codes. Neither is a part of a bound.

    A code is *dead* while its running count is below a share of the even one, :math:`N / K` of :math:`N` vectors a
    batch. A dead code starts again at a random vector of the batch, with the running sums of a code that has its even
    share: about :math:`\log(\mathtt{dead\_below}) / \log(\mathtt{decay})` batches are given it to be chosen.

    Counts, sums and the vectors of restarts are those of all processes where a process group of
    :mod:`torch.distributed` is initialized, so that all have one codebook; the first one's at the start. Buffers hold
    the running sums, so that a run resumes exactly.

    Args:
        num_codes: Number :math:`K` of codes.
        code_dim: Number of features of a code.
        update: How codes learn.
        decay: Weight of the past in running means, in [0, 1).
        commitment_weight: :math:`\beta`.
        dead_below: Share of the even count, in [0, 1), below which a code is dead; with 0 none ever is.
        restart: Whether dead codes start again.

    Raises:
        ValueError: If there is one code only, or an argument is out of its range; when called, if z has another width
            or is not finite.

    Example:
        >>> import torch
        >>> from pyrodgm import quantizers
        >>> quantizer = quantizers.VectorQuantizer(512, 64)
        >>> codes, indices, *_ = quantizer(torch.randn(5, 7, 7, 64))
        >>> codes.shape, quantizer.lookup(indices).shape
        (torch.Size([5, 7, 7, 64]), torch.Size([5, 7, 7, 64]))

    References:
        van den Oord, Vinyals, Kavukcuoglu (2017), Neural Discrete Representation Learning, eq. 1-3 and appendix A.1
        (running means), https://arxiv.org/abs/1711.00937;
        Dhariwal et al. (2020), Jukebox, section 3 (random restarts), https://arxiv.org/abs/2005.00341
    """

    codebook: Tensor
    counts: Tensor
    sums: Tensor
    num_rows: Tensor

    def __init__(
        self,
        num_codes: int,
        code_dim: int,
        *,
        update: Literal["ema", "gradient"] = "ema",
        decay: float = 0.99,
        commitment_weight: float = 0.25,
        dead_below: float = 0.05,
        restart: bool = True,
    ) -> None:
        super().__init__()
        self.num_codes = check_num_codes(num_codes)
        self.code_dim = check_dim("code_dim", code_dim)
        if update not in ("ema", "gradient"):
            raise ValueError(f"Expected update to be 'ema' or 'gradient'; got {update!r}. 'ema' needs no optimiser.")
        if not 0 <= decay < 1:
            raise ValueError(f"Expected decay in [0, 1); got {decay}. It is the weight of the past, 0.99 say.")
        if not commitment_weight >= 0:
            raise ValueError(f"Expected commitment_weight of at least 0; got {commitment_weight}. 0.25 is usual.")
        if not 0 <= dead_below < 1:
            raise ValueError(f"Expected dead_below in [0, 1); got {dead_below}. It is a share of the even count.")
        self.update = update
        self.decay = decay
        self.commitment_weight = commitment_weight
        self.dead_below = dead_below
        self.restart = restart
        codebook = torch.randn(num_codes, code_dim) / code_dim**0.5
        self.register_buffer("counts", torch.ones(num_codes))
        self.register_buffer("num_rows", torch.zeros(()))
        if update == "ema":
            self.register_buffer("codebook", codebook)
            self.register_buffer("sums", codebook.clone())
        else:
            self.codebook = nn.Parameter(codebook)
        self._is_shared = False
        self._remembered = Remembered()

    def forward(self, z: Tensor) -> Quantized:
        """Quantize, and in training mode learn.

        Args:
            z: ``(*batch, code_dim)``, channels last.

        Returns:
            The codes. Perplexity is over the vectors of all processes in training mode; ``dead_fraction`` is the share
            of codes that are dead, before they start again.

        Raises:
            ValueError: If z has another width, or is not finite.
        """
        check_width(z, self.code_dim, "z")
        self._share()
        z = z.to(self.codebook.dtype)
        rows = z.reshape(-1, self.code_dim)
        given = rows.detach()
        indices = nearest(given, self.codebook)
        codes = F.embedding(indices, self.codebook)
        num_rows = max(1, len(rows))
        commitment = self.commitment_weight * F.mse_loss(rows, codes.detach(), reduction="sum") / num_rows
        if not commitment.isfinite():  # before anything is learned from it
            raise ValueError(
                f"Expected finite z and codes; got a commitment of {commitment.item()}, with values of z up to "
                f"{given.abs().max().item():.4g}. Look for the encoder's NaN or inf, or lower the learning rate."
            )
        if self.update == "gradient":
            commitment = commitment + F.mse_loss(codes, given, reduction="sum") / num_rows
        quantized = straight_through(codes, rows).reshape(z.shape)
        counts = count(indices, self.num_codes, self.counts.dtype)
        dead_fraction = self._learn(given, indices, counts) if self.training else self._dead().to(z.dtype).mean()
        indices = indices.reshape(z.shape[:-1])
        self._remembered.keep(quantized, indices, self.codebook)
        return Quantized(quantized, indices, commitment, perplexity_of(counts), dead_fraction)

    def lookup(self, indices: Tensor) -> Tensor:
        """Return codes by their indices.

        Args:
            indices: ``(*batch,)``, integers, as floating numbers too.

        Returns:
            ``(*batch, code_dim)``.

        Raises:
            ValueError: If an index is no integer, or out of range.
        """
        return F.embedding(check_indices(indices, self.num_codes), self.codebook)

    def indices_of(self, codes: Tensor) -> Tensor:
        """Return the indices of the nearest codes; of what was just quantized, those under which it was.

        Args:
            codes: ``(*batch, code_dim)``.

        Returns:
            ``(*batch,)``.

        Raises:
            ValueError: If codes have another width.
        """
        check_width(codes, self.code_dim, "codes")
        indices = self._remembered.recall(codes, self.codebook)
        if indices is None:
            rows = codes.detach().to(self.codebook.dtype).reshape(-1, self.code_dim)
            indices = nearest(rows, self.codebook).reshape(codes.shape[:-1])
        return indices

    @torch.no_grad()
    def initialize(self, z: Tensor) -> None:
        """Start from data: codes become the centres of a k-means clustering, and no code is dead; needs scikit-learn.

        Args:
            z: ``(*batch, code_dim)``, at least ``num_codes`` vectors over all processes.

        Raises:
            ValueError: If z has another width, is not finite, or has too few vectors.
            ImportError: If scikit-learn is absent.
        """
        check_width(z, self.code_dim, "z")
        rows = z.detach().to(self.codebook.dtype).reshape(-1, self.code_dim)
        if not rows.isfinite().all():
            raise ValueError("Expected finite z to initialize codes; got NaN or inf. Remove such rows.")
        self.codebook.copy_(k_means(rows, self.num_codes))
        self.counts.fill_(1.0)
        self.num_rows.zero_()
        if self.update == "ema":
            self.sums.copy_(self.codebook)

    @torch.no_grad()
    def _learn(self, rows: Tensor, indices: Tensor, counts: Tensor) -> Tensor:
        """Add a batch to the running sums, move codes there, and start dead codes again; ``counts`` are summed up."""
        processes.add_up(counts)
        new = 1.0 - self.decay
        self.counts.lerp_(counts, new)
        self.num_rows.lerp_(counts.sum(), new)
        if self.update == "ema":
            sums = torch.zeros_like(self.sums).index_add_(0, indices, rows)
            self.sums.lerp_(processes.add_up(sums), new)
            total = self.counts.sum()
            smoothed = (self.counts + SMOOTHING) * (total / (total + self.num_codes * SMOOTHING))
            torch.div(self.sums, smoothed[:, None], out=self.codebook)
        dead = self._dead()
        dead_fraction = dead.to(rows.dtype).mean()
        if self.restart and bool(dead.any() & (counts.sum() > 0)):
            self._start_again(dead, rows)
        return dead_fraction

    def _dead(self) -> Tensor:
        return self.counts < self.dead_below * self.num_rows / self.num_codes

    def _start_again(self, dead: Tensor, rows: Tensor) -> None:
        """Put dead codes on vectors of the batch, with sums and counts to match, or the old sums would undo it."""
        drawn = processes.draw(rows, int(dead.sum()))
        even = self.num_rows / self.num_codes
        self.codebook[dead] = drawn
        self.counts[dead] = even
        if self.update == "ema":
            self.sums[dead] = even * drawn

    @torch.no_grad()
    def _share(self) -> None:
        """Take the codes of the first process, once, however each was built; what follows keeps them equal."""
        if self.training and not self._is_shared and processes.num_processes() > 1:
            for tensor in (self.codebook, *self.buffers()):
                processes.take_first(tensor)
            self._is_shared = True

    def extra_repr(self) -> str:
        """Name the sizes and the update."""
        return f"{self.num_codes}, {self.code_dim}, update={self.update!r}, decay={self.decay}"
