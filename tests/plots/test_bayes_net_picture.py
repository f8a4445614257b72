import pytest

from pyrodgm import plots
from pyrodgm.plots.bayes_net import layered

PARENTS = {"d": ["b", "c"], "a": [], "b": ["a"], "c": ["a"], "e": []}


def test_parents_stand_above_their_children():
    places = layered(PARENTS)
    assert all(places[parent][1] > places[name][1] for name, parents in PARENTS.items() for parent in parents)
    assert len(set(places.values())) == len(PARENTS)


def test_panels_hold_names_probabilities_and_edges(tmp_path):
    path = tmp_path / "net.png"
    figure = plots.bayes_net(PARENTS, {"one": {"a": 0.25}, "two": {}}, path)
    assert path.is_file()
    assert [axes.get_title() for axes in figure.axes] == ["one", "two"]
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert "a\n0.250" in texts
    assert "b" in texts
    assert texts.count("") == 4  # arrows


@pytest.mark.parametrize(
    ("parents", "panels", "message"),
    [
        ({}, {"one": {}}, "Expected variables and panels to draw; got 0 and 1"),
        (PARENTS, {}, "got 5 and 0"),
        (PARENTS, {"one": {"z": 0.5}}, "got 'z': 0.5 in panel 'one'"),
        (PARENTS, {"one": {"a": 1.5}}, "got 'a': 1.5 in panel 'one'"),
    ],
)
def test_bad_input(parents, panels, message):
    with pytest.raises(ValueError, match=message):
        plots.bayes_net(parents, panels)
