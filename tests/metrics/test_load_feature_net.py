"""Networks from files: what was saved comes back, and nothing else is run."""

import os
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

from pyrodgm import metrics


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4))


def save_script(module: nn.Module, path: Path) -> None:
    with warnings.catch_warnings():  # torch announces the end of TorchScript, whose files people have
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(module).save(str(path))


@pytest.mark.parametrize("kind", ["script", "pt", "safetensors"])
def test_round_trip(kind: str, tmp_path: Path) -> None:
    module, path, x = net(), tmp_path / f"net.{kind}", torch.randn(9, 6)
    if kind == "script":
        save_script(module, path)
    elif kind == "pt":
        torch.save(module.state_dict(), path)
    else:
        pytest.importorskip("safetensors.torch").save_file(module.state_dict(), path)
    loaded = metrics.load_feature_net(path, None if kind == "script" else net())
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    found, expected = metrics.features(loaded, x), metrics.features(module, x)
    torch.testing.assert_close(found.values, expected.values)
    assert found.source == expected.source  # also the name, Sequential


class Attack:
    def __reduce__(self):
        return os.mkdir, ("attacked",)


def test_code_in_a_file_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Attack()}, "bad.pt")
    with pytest.raises(ValueError, match=r"Expected a state dictionary at bad\.pt; got another file"):
        metrics.load_feature_net("bad.pt", net())
    assert not Path("attacked").exists()


def test_other_files(tmp_path: Path) -> None:
    torch.save(nn.Linear(3, 4).state_dict(), tmp_path / "other.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    (tmp_path / "torn.safetensors").write_bytes(b"torn")
    (tmp_path / "torn.pt").write_bytes(b"")
    with pytest.raises(ValueError, match=r"Expected the weights of Sequential in other\.pt; got others: .*Missing key"):
        metrics.load_feature_net(tmp_path / "other.pt", net())
    with pytest.raises(ValueError, match=r"got a list of other things"):
        metrics.load_feature_net(tmp_path / "list.pt", net())
    with pytest.raises(ValueError, match=r"got a damaged file"):
        metrics.load_feature_net(tmp_path / "torn.safetensors", net())
    with pytest.raises(ValueError, match=r"got another file"):
        metrics.load_feature_net(tmp_path / "torn.pt", net())
    with pytest.raises(ValueError, match=r"Expected a TorchScript archive .* load_feature_net\(path, net\)"):
        metrics.load_feature_net(tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"Expected a file of a network at .*; got none"):
        metrics.load_feature_net(tmp_path / "none.pt")
