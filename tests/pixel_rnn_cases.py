"""Cases of the recurrent image models: a part of the tables in tests/cases.py."""

from pyrodgm import autoregressive as ar
from pyrodgm import heads, nn

CAUSAL_NETS = {  # name: (constructor, whether each position sees all earlier ones, number of levels of integers)
    "RowLSTM": (lambda: nn.RowLSTM((1, 4, 7), 1, num_layers=2, num_channels=6), False, 2),
    "RowLSTM, RGB, wide kernel, context": (
        lambda: nn.RowLSTM((3, 2, 6), 2, context_dim=2, num_levels=4, num_layers=1, num_channels=14, kernel_size=5),
        False,
        4,
    ),
    "RowLSTM, whole pixels, feature map": (
        lambda: nn.RowLSTM((2, 3, 6), 5, context_dim=(2, 3, 6), num_layers=2, num_channels=6, symbol_shape=(2,)),
        False,
        2,
    ),
    "RowLSTM, one column": (lambda: nn.RowLSTM((1, 3, 1), 1, num_layers=1, num_channels=6), False, 2),
    "DiagonalBiLSTM": (lambda: nn.DiagonalBiLSTM((1, 3, 7), 1, num_layers=1, num_channels=12), True, 2),
    "DiagonalBiLSTM, RGB, context": (
        lambda: nn.DiagonalBiLSTM((3, 3, 2), 2, context_dim=2, num_levels=4, num_layers=2, num_channels=14),
        True,
        4,
    ),
    "DiagonalBiLSTM, whole pixels, feature map": (
        lambda: nn.DiagonalBiLSTM((2, 2, 5), 5, context_dim=(2, 2, 5), num_layers=2, symbol_shape=(2,)),
        True,
        2,
    ),
    "DiagonalBiLSTM, one column": (lambda: nn.DiagonalBiLSTM((1, 3, 1), 1, num_layers=1, num_channels=12), True, 2),
}

CONDITIONALS = {  # name: (constructor, whether the sum over all values is checked)
    "row_lstm": (lambda: ar.row_lstm((1, 2, 4), num_layers=2, num_channels=4), True),
    "row_lstm, RGB, context": (lambda: ar.row_lstm((3, 1, 2), 3, num_layers=1, num_channels=6, kernel_size=5), True),
    "row_lstm, levels, feature map": (
        lambda: ar.row_lstm((2, 2, 3), (2, 2, 3), num_levels=5, num_layers=1, num_channels=4),
        False,
    ),
    "diagonal_bilstm": (lambda: ar.diagonal_bilstm((1, 2, 4), num_layers=2, num_channels=4), True),
    "diagonal_bilstm, RGB, context": (lambda: ar.diagonal_bilstm((3, 1, 2), 3, num_layers=1, num_channels=6), True),
    "diagonal_bilstm, whole pixels, feature map": (
        lambda: ar.diagonal_bilstm(
            (2, 2, 3),
            (2, 2, 3),
            num_levels=5,
            num_layers=1,
            num_channels=4,
            head=heads.DiscretizedLogisticMixture(2, 5, 2),
        ),
        False,
    ),
}
