"""The graph of a Bayesian network, shaded by probabilities."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pyrodgm.plots.figure import new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def bayes_net(
    parents: Mapping[str, Sequence[str]],
    panels: Mapping[str, Mapping[str, float]],
    path: str | os.PathLike[str] | None = None,
) -> "Figure":
    """Draw a graph of variables in layers, parents above children, once for each panel.

    Args:
        parents: From each variable to its parents, such as ``net.parents``; without a cycle.
        panels: From a title to probabilities by variable, which shade the nodes and stand in them; a variable that is
            left out stays white.
        path: Where to write the picture; None writes nothing.

    Returns:
        The figure.

    Raises:
        ValueError: There is nothing to draw, or a probability is of no variable or not in [0, 1].

    Example:
        >>> figure = bayes_net({"rain": [], "grass": ["rain"]}, {"no evidence": {"rain": 0.2, "grass": 0.4}})
        >>> len(figure.axes)
        1
    """
    if not parents or not panels:
        raise ValueError(f"Expected variables and panels to draw; got {len(parents)} and {len(panels)}. Give some.")
    for title, probs in panels.items():
        for name, prob in probs.items():
            if name not in parents or not 0 <= prob <= 1:
                raise ValueError(
                    f"Expected probabilities in [0, 1] of {list(parents)}; got {name!r}: {prob} in panel {title!r}. "
                    "Name variables of the graph."
                )
    places = layered(parents)
    width = 1 + max(x for x, _ in places.values()) - min(x for x, _ in places.values())
    height = 1 + max(-y for _, y in places.values())
    figure = new_figure(1.15 * width * len(panels), 0.4 + 0.95 * height)
    for axes, (title, probs) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        draw(axes, parents, places, probs)
        axes.set_title(title, fontsize=9)
    return save(figure, path)


def layered(parents: Mapping[str, Sequence[str]]) -> dict[str, tuple[float, float]]:
    """Place each variable one layer below its lowest parent, in the order of its parents' places."""
    depths: dict[str, int] = {}

    def depth(name: str) -> int:
        if name not in depths:
            depths[name] = 1 + max((depth(parent) for parent in parents[name]), default=-1)
        return depths[name]

    layers: dict[int, list[str]] = {}
    for name in parents:
        layers.setdefault(depth(name), []).append(name)
    places: dict[str, tuple[float, float]] = {}
    for number in sorted(layers):
        means = {
            name: sum(places[parent][0] for parent in parents[name]) / max(1, len(parents[name]))
            for name in layers[number]
        }
        ordered = sorted(layers[number], key=lambda name: means[name]) if number else layers[0]
        for position, name in enumerate(ordered):
            places[name] = (position - (len(ordered) - 1) / 2, -float(number))
    return places


def draw(
    axes: "Axes",
    parents: Mapping[str, Sequence[str]],
    places: Mapping[str, tuple[float, float]],
    probs: Mapping[str, float],
) -> None:
    """Draw nodes as circles and edges as arrows."""
    for name, chosen in parents.items():
        for parent in chosen:
            arrow = {"arrowstyle": "-|>", "color": "#555555", "shrinkA": 19, "shrinkB": 19, "lw": 0.9}
            axes.annotate("", places[name], places[parent], arrowprops=arrow)
    for name, (x, y) in places.items():
        prob = probs.get(name)
        shade = "white" if prob is None else (1 - 0.8 * prob, 1 - 0.55 * prob, 1 - 0.25 * prob)
        axes.scatter([x], [y], s=1300, color=[shade], edgecolors="#333333", linewidths=0.8, zorder=2)
        label = name if prob is None else f"{name}\n{prob:.3f}"
        dark = prob is not None and prob > 0.6
        axes.text(x, y, label, ha="center", va="center", fontsize=7, color="white" if dark else "black", zorder=3)
    axes.margins(0.5 / max(1, len({x for x, _ in places.values()})), 0.18)
    axes.set_axis_off()
