"""Steps of EM for a mixture of normals, beside scikit-learn from the same start."""

import warnings
from functools import partial
from importlib.metadata import version

import torch
from torch import Tensor

from pyrodgm.models import GaussianMixture
from tests.benchmarks.report import Table, Target
from tests.benchmarks.timing import Contender, Timing, interleave

GROUPS = (("pyrodgm", "scikit-learn"),)
ROUNDS = 9
NUM_ROWS, INPUT_DIM, NUM_COMPONENTS, NUM_STEPS = 100_000, 16, 32, 3
KINDS = {"full": "full", "diagonal": "diag", "tied": "tied"}  # ours: scikit-learn's
PEER, OURS = "scikit-learn", "`models.GaussianMixture`"
TARGETS = {OURS: Target(limit=1.0)}
MAX_ERROR = 1e-6


def measure(group: tuple[str, ...], *, rounds: int, quick: bool) -> dict[str, list[Timing]]:
    """Time a few steps, for each kind of covariance."""
    centres = 3.0 * torch.randn(NUM_COMPONENTS, INPUT_DIM, dtype=torch.float64)
    x = centres[torch.randint(NUM_COMPONENTS, (NUM_ROWS,))] + torch.randn(NUM_ROWS, INPUT_DIM, dtype=torch.float64)
    return {kind: measure_kind(kind, x, rounds, quick) for kind in KINDS}


def measure_kind(kind: str, x: Tensor, rounds: int, quick: bool) -> list[Timing]:
    """Time one kind; before, compare the log-likelihoods that the same steps reach."""
    from sklearn.mixture import GaussianMixture as Peer

    ours = GaussianMixture(INPUT_DIM, NUM_COMPONENTS, kind).double()  # type: ignore[arg-type]
    ours.initialize(x)
    start = {name: value.clone() for name, value in ours.state_dict().items()}
    weights, means, covariances = (t.detach() for t in (ours.weights, ours.means, ours.covariances))
    peer = Peer(
        NUM_COMPONENTS,
        covariance_type=KINDS[kind],
        max_iter=NUM_STEPS,
        tol=0.0,
        weights_init=weights.numpy().copy(),
        means_init=means.numpy().copy(),
        precisions_init=(1 / covariances if kind == "diagonal" else torch.linalg.inv(covariances)).numpy(),
    )
    steps = {PEER: partial(peer_steps, peer, x), OURS: partial(our_steps, ours, start, x)}
    steps[PEER]()
    error = abs(steps[OURS]() / len(x) - float(peer.score(x.numpy())))
    contenders = [Contender(name, step) for name, step in steps.items()]
    timings = interleave(contenders, rounds=rounds, block_seconds=0.02 if quick else 0.1, warmups=1)
    timings[1].values["error"] = error
    return timings


def our_steps(mixture: GaussianMixture, start: dict[str, Tensor], x: Tensor) -> float:
    """Take the steps with the bound after each half, as ``infer.em`` does, and a last E step."""
    mixture.load_state_dict(start)
    q = mixture.e_step(x)
    bound = mixture.bound(x, q)
    for _ in range(NUM_STEPS):
        mixture.m_step(x, q)
        mixture.bound(x, q)
        q = mixture.e_step(x)
        bound = mixture.bound(x, q)
    return float(bound)


def peer_steps(peer: object, x: Tensor) -> None:
    """The same with the peer, which takes a last E step too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that so few steps do not converge
        peer.fit(x.numpy())  # type: ignore[attr-defined]


def tables(timings: dict[str, list[Timing]]) -> list[Table]:
    """One table a kind of covariance."""
    return [
        Table(
            f"Mixture of {NUM_COMPONENTS} normals by EM, {kind} covariance",
            f"{NUM_STEPS} steps of EM and a last E step on {NUM_ROWS:,} rows of {INPUT_DIM} features, in double "
            f"precision. The floor is {PEER} {version(PEER)} from the same start.",
            rows,
            TARGETS,
            [
                (
                    f"log-likelihoods after the steps differ by {rows[1].values['error']:.1e} nats a row (target ≤ "
                    f"{MAX_ERROR:g})",
                    rows[1].values["error"] <= MAX_ERROR,
                )
            ],
        )
        for kind, rows in timings.items()
    ]
