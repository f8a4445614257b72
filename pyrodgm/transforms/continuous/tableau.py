"""Explicit Runge-Kutta methods as tables of numbers."""

from dataclasses import dataclass

Numbers = tuple[float, ...]


@dataclass(frozen=True)
class Tableau:
    r"""The Butcher tableau of an explicit method, :math:`k_i = f(t + c_i h,\, z + h \sum_{j<i} a_{ij} k_j)`.

    The step ends at :math:`z + h \sum_i b_i k_i`.

    Args:
        order: Power of :math:`h` to which the error of the whole solution falls.
        nodes: The times :math:`c_i`.
        stages: The rows :math:`a_i`, each as long as there are stages before it.
        weights: The weights :math:`b_i`.
        errors: For an adaptive method, the weights of the stages, and of the slope at the end of the step, in the
            difference to the embedded method of lower order.

    References:
        Hairer, Norsett, Wanner (1993), Solving Ordinary Differential Equations I, section II.1
    """

    order: int
    nodes: Numbers
    stages: tuple[Numbers, ...]
    weights: Numbers
    errors: Numbers = ()

    @property
    def is_adaptive(self) -> bool:
        """Whether a step says how wrong it is."""
        return bool(self.errors)

    def counts(self, stage: int) -> bool:
        """Return whether a stage enters the result or its error: where not, only the next stages need it."""
        return self.weights[stage] != 0 or (self.is_adaptive and self.errors[stage] != 0)


EULER = Tableau(1, (0.0,), ((),), (1.0,))
MIDPOINT = Tableau(2, (0.0, 1 / 2), ((), (1 / 2,)), (0.0, 1.0))
HEUN_2 = Tableau(2, (0.0, 1.0), ((), (1.0,)), (1 / 2, 1 / 2))
HEUN_3 = Tableau(3, (0.0, 1 / 3, 2 / 3), ((), (1 / 3,), (0.0, 2 / 3)), (1 / 4, 0.0, 3 / 4))
KUTTA_3_8 = Tableau(  # the rule of three eighths, which torchdiffeq names rk4
    4,
    (0.0, 1 / 3, 2 / 3, 1.0),
    ((), (1 / 3,), (-1 / 3, 1.0), (1.0, -1.0, 1.0)),
    (1 / 8, 3 / 8, 3 / 8, 1 / 8),
)
DORMAND_PRINCE = Tableau(  # with the embedded method of Shampine (1986), as in torchdiffeq
    5,
    (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0),
    (
        (),
        (1 / 5,),
        (3 / 40, 9 / 40),
        (44 / 45, -56 / 15, 32 / 9),
        (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
        (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    ),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
    (
        35 / 384 - 1951 / 21600,
        0.0,
        500 / 1113 - 22642 / 50085,
        125 / 192 - 451 / 720,
        -2187 / 6784 + 12231 / 42400,
        11 / 84 - 649 / 6300,
        -1 / 60,
    ),
)

TABLEAUS = {
    "dopri5": DORMAND_PRINCE,
    "euler": EULER,
    "midpoint": MIDPOINT,
    "heun2": HEUN_2,
    "heun3": HEUN_3,
    "rk4": KUTTA_3_8,
}
