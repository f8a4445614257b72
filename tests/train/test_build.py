"""Objects from import paths: what is built, what is refused, and what the messages say."""

import json
from pathlib import Path

import pytest
import torch

from pyrodgm import flows, heads, infer, models
from pyrodgm.train import build, export, load
from pyrodgm.train.build import resolve

VAE = {
    "class_path": "pyrodgm.models.vae",
    "init_args": {
        "input_dim": 6,
        "latent_dim": 2,
        "hidden_dims": [5],
        "prior": {
            "class_path": "pyrodgm.flows.realnvp",
            "init_args": {"input_dim": 2, "num_layers": 2, "hidden_dims": [4], "activation": "torch.nn.Tanh"},
        },
        "likelihood": {
            "class_path": "pyrodgm.Neural",
            "init_args": {
                "net": {"class_path": "pyrodgm.nn.MLP", "init_args": {"input_dim": 2, "output_dim": 18}},
                "head": {"class_path": "pyrodgm.heads.Categorical", "init_args": {"num_classes": 3, "event_shape": 6}},
            },
        },
    },
}


def mlp(**init_args: object) -> dict:
    return {"class_path": "pyrodgm.nn.MLP", "init_args": {"input_dim": 2, "output_dim": 3, **init_args}}


def test_nested_functions_and_classes() -> None:
    vae = build(VAE)
    assert isinstance(vae, models.VAE)
    assert isinstance(vae.prior, flows.Flow if hasattr(flows, "Flow") else torch.nn.Module)
    assert isinstance(vae.likelihood.head, heads.Categorical)
    assert any(isinstance(module, torch.nn.Tanh) for module in vae.prior.modules())
    assert vae.sample(3).shape == (3, 6)


BAD = {
    "os.system": ({"class_path": "os.system"}, r"Expected class_path under pyrodgm\. or torch\.nn\.; got 'os\.system'"),
    "through an import": (
        {"class_path": "pyrodgm.data.files.Path"},
        r"Expected class_path under pyrodgm\. or torch\.nn\.; got 'pyrodgm\.data\.files\.Path'",
    ),
    "a class imported elsewhere": ({"class_path": "pyrodgm.nn.mlp.Iterator"}, "Expected class_path under pyrodgm"),
    "a module imported elsewhere": ({"class_path": "pyrodgm.nn.mlp.torch"}, "Expected a class or function in"),
    "the command": ({"class_path": "pyrodgm.cli.main"}, "Expected class_path under pyrodgm"),
    "a writer of files": ({"class_path": "pyrodgm.plots.samples_grid"}, "Expected class_path under pyrodgm"),
    "a function of torch.nn": ({"class_path": "torch.nn.functional.relu"}, "Expected class_path under pyrodgm"),
    "a private name": ({"class_path": "pyrodgm.models._vae"}, "Expected class_path under pyrodgm"),
    "no such name": ({"class_path": "pyrodgm.models.VEA"}, r"Expected a class .*got 'VEA'; did you mean 'VAE'\?"),
    "no such module": ({"class_path": "pyrodgm.nothing.VAE"}, "Expected class_path of an importable module"),
    "misspelt key": (mlp(hiden_dims=[3]), r"got 'hiden_dims'; did you mean 'hidden_dims'\?"),
    "missing key": ({"class_path": "pyrodgm.nn.MLP", "init_args": {"input_dim": 2}}, "Expected output_dim in model"),
    "wrong type": (mlp(hidden_dims="wide"), r"Expected model\.hidden_dims to be of type .*got 'wide'"),
    "misspelt init_args": ({"class_path": "pyrodgm.nn.MLP", "init_arg": {}}, "did you mean 'init_args'"),
    "no mapping": (3, "Expected model to be a mapping with class_path and init_args; got 3"),
}


@pytest.mark.parametrize("name", BAD)
def test_refused(name: str) -> None:
    config, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        build(config)


def test_allow_adds_paths() -> None:
    assert resolve("fractions.Fraction", allow=("fractions.",))(1, 2) == 0.5
    with pytest.raises(ValueError, match=r"torch\.nn\. or fractions\.; got 'os\.system'"):
        resolve("os.system", allow=("fractions.",))


def test_export_and_load(tmp_path: Path) -> None:
    vae = build(VAE).eval()
    before = torch.get_rng_state()
    again = load(export(VAE, vae, tmp_path))
    assert torch.equal(torch.get_rng_state(), before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
    x = torch.randint(0, 3, (4, 6)).to(torch.get_default_dtype())
    z = torch.randn(4, 2)
    assert torch.equal(vae.likelihood(z).log_prob(x), again.likelihood(z).log_prob(x))
    assert torch.equal(vae.prior().log_prob(z), again.prior().log_prob(z))
    torch.manual_seed(1)
    first = infer.log_evidence(vae.model, vae.guide, x, num_particles=5, chunk_size=5)
    torch.manual_seed(1)
    assert torch.equal(first, infer.log_evidence(again.model, again.guide, x, num_particles=5, chunk_size=5))


def test_export_keeps_the_dtype(tmp_path: Path) -> None:
    vae = build(VAE).float()
    again = load(export(VAE, vae, tmp_path))
    assert {p.dtype for p in again.parameters()} == {torch.float32}


def test_load_refuses_other_classes(tmp_path: Path) -> None:
    export(VAE, build(VAE), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["model"]["init_args"]["prior"]["class_path"] = "os.system"
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"Expected class_path under pyrodgm\. or torch\.nn\.; got 'os\.system'; pass"):
        load(tmp_path)


def test_load_refuses_what_is_no_model(tmp_path: Path) -> None:
    export(VAE, build(VAE), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["model"] = {"class_path": "torch.nn.ReLU"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="to make a model; got ReLU"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_load_torn_file(tmp_path: Path, name: str) -> None:
    export(VAE, build(VAE), tmp_path)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=rf"Expected .*{name}; got a torn or foreign file"):
        load(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(ValueError, match=f"Expected a file {name} in .*; got none"):
        load(tmp_path)


def test_load_other_shapes(tmp_path: Path) -> None:
    export(VAE, build(VAE), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["model"]["init_args"]["hidden_dims"] = [7]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        ValueError, match=r"Expected in .* the parameters of the model in its configuration; got .*shape"
    ):
        load(tmp_path)
