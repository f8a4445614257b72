"""The Lightning data module: whole tensors in memory, a batch is one index into them."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import lightning
import torch
from torch import Tensor

Batch = tuple[Tensor, Tensor | None]


class Rows(NamedTuple):
    """One split as a model takes it.

    Args:
        x: Data of shape `(num, *event_shape)`.
        context: Contexts of shape `(num, *context_shape)`, or None.
    """

    x: Tensor
    context: Tensor | None


def rows_of(part: Any, event_shape: Sequence[int]) -> Rows:
    """Return a split with the flat rows that readers return in a model's own shape.

    Args:
        part: Has `x` of shape `(num, *event_shape)` or `(num, D)` with as many numbers, and `context` or None.
        event_shape: Shape of one datum of the model.

    Example:
        >>> from pyrodgm import data
        >>> rows_of(data.digits().train, (1, 8, 8)).x.shape[1:]
        torch.Size([1, 8, 8])
    """
    x, shape = part.x, tuple(event_shape)
    if x.dim() == 2 and x.shape[1:] != shape and x.shape[1] == math.prod(shape):
        x = x.reshape(len(x), *shape)
    return Rows(x, part.context)


class IndexBatches:
    """Iterates over `(x[index], context[index])`; knows its place, so that a run can go on in mid-epoch.

    The order of epoch `e` depends on `(seed, e)` only. A new iteration is a new epoch, also where the last one was left
    early; only the first after `load_state_dict` goes on from the place there.

    Args:
        x: Data of shape `(num, *event_shape)`.
        context: Contexts of shape `(num, *context_shape)`, or None.
        batch_size: Rows of a batch; the last one of an epoch may have fewer.
        seed: Seed of the orders; None keeps the rows as they are.
        rank: Which of `world_size` processes this is; each gets its own share of every epoch, equally many batches.
        world_size: Number of processes.

    Example:
        >>> [x.shape for x, _ in IndexBatches(torch.zeros(5, 3), batch_size=2)]
        [torch.Size([2, 3]), torch.Size([2, 3]), torch.Size([1, 3])]
    """

    def __init__(
        self,
        x: Tensor,
        context: Tensor | None = None,
        *,
        batch_size: int,
        seed: int | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.x, self.context, self.batch_size, self.seed = x, context, batch_size, seed
        self.rank, self.world_size = rank, world_size
        self.epoch, self.position = 0, 0  # of the next batch
        self._goes_on = False
        self.limit: Callable[[], float] = lambda: math.inf  # batches after which whoever iterates leaves an epoch

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return math.ceil(math.ceil(len(self.x) / self.world_size) / self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        """Iterate over an epoch, or from the place in it that was loaded."""
        if self.position and not self._goes_on:
            self.epoch, self.position = self.epoch + 1, 0
        self._goes_on = False
        order = self.order(self.epoch)
        for start in range(self.position * self.batch_size, len(order), self.batch_size):
            self.position += 1
            if self.position == len(self):  # said before the last batch leaves: nobody may ask for more
                self.epoch, self.position = self.epoch + 1, 0
            index = order[start : start + self.batch_size]
            yield self.x[index], None if self.context is None else self.context[index]

    def order(self, epoch: int) -> Tensor:
        """Return the row numbers of an epoch for this process, of shape `(rows,)`."""
        if self.seed is None:
            order = torch.arange(len(self.x))
        else:
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
            order = torch.randperm(len(self.x), generator=generator)
        if self.world_size > 1:
            share = -(-len(order) // self.world_size)
            order = order.repeat(2)[: share * self.world_size][self.rank :: self.world_size]
        return order.to(self.x.device)

    def state_dict(self) -> dict[str, int]:
        """Return the place of the next batch."""
        ended = self.position >= self.limit()
        return {"epoch": self.epoch + ended, "position": 0 if ended else self.position}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Go to a place."""
        self.epoch, self.position = state_dict["epoch"], state_dict["position"]
        self._goes_on = True


class Batches(lightning.LightningDataModule):
    """Serves the splits of a data set to a `Trainer`, from its device's memory.

    Args:
        splits: Has `train` and `valid`, each with `x` of shape `(num, *event_shape)` and `context` or None.
        batch_size: Rows of a training batch, over all devices each.
        valid_batch_size: Rows of a validation batch.
        seed: Seed of the shuffling.

    Raises:
        ValueError: If a split is empty or a batch size is not positive.

    Example:
        >>> from pyrodgm import data
        >>> Batches(data.digits(), batch_size=64).batch_size
        64
    """

    def __init__(self, splits: Any, *, batch_size: int = 128, valid_batch_size: int = 1000, seed: int = 0) -> None:
        super().__init__()
        if min(batch_size, valid_batch_size) < 1:
            raise ValueError(f"Expected batch sizes of at least 1; got {batch_size} and {valid_batch_size}.")
        for name in ("train", "valid"):
            if len(getattr(splits, name).x) == 0:
                raise ValueError(f"Expected at least one row in the {name} split; got an empty data set.")
        self.splits, self.batch_size, self.valid_batch_size, self.seed = splits, batch_size, valid_batch_size, seed
        self._loader: IndexBatches | None = None
        self._place: dict[str, int] | None = None

    def train_dataloader(self) -> IndexBatches:
        """Return the shuffled training batches."""
        self._loader = self._batches(self.splits.train, self.batch_size, self.seed)
        self._loader.limit = lambda: math.inf if self.trainer is None else self.trainer.num_training_batches
        if self._place is not None:
            self._loader.load_state_dict(self._place)
        return self._loader

    def val_dataloader(self) -> IndexBatches:
        """Return the validation batches, in order."""
        return self._batches(self.splits.valid, self.valid_batch_size, None)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Return the batch: it is on the device already."""
        return batch

    def state_dict(self) -> dict[str, Any]:
        """Return the place of the next training batch."""
        return {} if self._loader is None else self._loader.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go to a place."""
        self._place = state_dict or None

    def _batches(self, part: Any, batch_size: int, seed: int | None) -> IndexBatches:
        trainer = self.trainer
        device = torch.device("cpu") if trainer is None else trainer.strategy.root_device
        rank, world_size = (0, 1) if trainer is None else (trainer.global_rank, trainer.world_size)
        context = None if part.context is None else part.context.to(device)
        x = part.x.to(device)
        return IndexBatches(x, context, batch_size=batch_size, seed=seed, rank=rank, world_size=world_size)
