"""The command: `pyrodgm recipes`, `fit`, `evaluate`, `sample`, `compare`."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: The arguments; those of the process by default.

    Returns:
        The exit code: 0, or 2 after an error of the user's, said in one line, or 130 after Ctrl-C.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = make_parser()
    options, overrides = parser.parse_known_args(arguments)
    if overrides and options.command != "fit" and getattr(options, "posterior", None) is None:
        parser.error(f"unrecognized arguments: {' '.join(overrides)}")
    options.overrides = overrides
    options.line = shlex.join(["pyrodgm", *arguments])
    try:
        import lightning  # noqa: F401
        import rich  # noqa: F401
    except ModuleNotFoundError as error:
        print(f'error: the command needs {error.name}: pip install "pyrodgm[train]"', file=sys.stderr)
        return 2
    try:
        options.run_command(options)
    except (ValueError, OSError, FloatingPointError) as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130
    return 0


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="pyrodgm", description="Train and judge deep generative models.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    recipes = commands.add_parser("recipes", help="list the recipes at hand")
    recipes.set_defaults(run_command=run_recipes)

    fit = commands.add_parser(
        "fit",
        help="train a recipe into a run folder, or go on with a run that was stopped",
        epilog="Any other --section.key VALUE overrides the recipe: --training.lr 1e-3 --data.root DIR.",
        allow_abbrev=False,
    )
    fit.add_argument("recipe", metavar="RECIPE", help="a YAML file, or a name that `pyrodgm recipes` shows")
    fit.add_argument("--out", required=True, metavar="RUN", help="the run folder")
    add_allow(fit)
    fit.set_defaults(run_command=run_fit)

    evaluate = commands.add_parser(
        "evaluate", help="test likelihood of a run, in nats and bits per dimension; of a GAN, metrics of its samples"
    )
    evaluate.add_argument("run", metavar="RUN")
    evaluate.add_argument("--num_particles", type=int, default=1000, help="importance samples per datum (1000)")
    evaluate.add_argument("--chunk_size", type=int, default=50, help="particles at a time (50)")
    evaluate.add_argument("--features", metavar="RUN", help="of a GAN: a classifier's run, whose features are compared")
    evaluate.add_argument("--num_samples", type=int, default=10_000, help="of a GAN: number of samples (10000)")
    evaluate.add_argument("--limit", type=int, help="only the first so many test data")
    evaluate.add_argument("--root", help="folder of the data")
    evaluate.add_argument("--seed", type=int, default=0)
    evaluate.add_argument("--name", default="evaluation", help="stem of the files written (evaluation)")
    add_device(evaluate)
    add_allow(evaluate)
    evaluate.set_defaults(run_command=run_evaluate)

    sample = commands.add_parser(
        "sample", help="draw from a run: samples.npy, and samples.png of pictures or samples.txt of text"
    )
    sample.add_argument("run", metavar="RUN")
    sample.add_argument("--num", type=int, default=64, help="number of draws (64)")
    sample.add_argument("--seed", type=int, default=0)
    sample.add_argument(
        "--root", help="folder of the data: the shape of a picture, the characters of a text, the contexts of the draws"
    )
    add_device(sample)
    add_allow(sample)
    sample.set_defaults(run_command=run_sample)

    compare = commands.add_parser(
        "compare",
        help="a table of evaluated runs, or of posteriors over the parameters of a recipe",
        epilog="With --posterior, any other --section.key VALUE overrides the recipe, as for fit.",
    )
    compare.add_argument("runs", metavar="RUN", nargs="+", help="evaluated runs; with --posterior, one recipe")
    compare.add_argument("--name", default="evaluation", help="stem of the evaluations' files (evaluation)")
    add_posteriors(compare)
    compare.set_defaults(run_command=run_compare)
    return parser


def add_posteriors(parser: argparse.ArgumentParser) -> None:
    """Add the options of the comparison of posteriors."""
    group = parser.add_argument_group("posteriors")
    names = "map, laplace, mean-field, low-rank, flow, nuts, ensemble"
    group.add_argument("--posterior", metavar="NAMES", help=f"fit these to a recipe, with commas between: {names}")
    group.add_argument("--prior", type=float, default=1.0, metavar="SCALE", help="N(0, SCALE^2) for each parameter (1)")
    group.add_argument("--limit", type=int, metavar="N", help="only the first so many training rows")
    group.add_argument("--test_limit", type=int, metavar="N", help="only the first so many test rows")
    group.add_argument("--num_draws", type=int, default=100, help="draws that predictions average over (100)")
    group.add_argument("--num_steps", type=int, help="steps of what is optimised (each posterior's own default)")
    group.add_argument("--num_members", type=int, default=5, help="networks of the ensemble (5)")
    group.add_argument("--max_tree_depth", type=int, default=8, help="of NUTS (8)")
    group.add_argument("--out", metavar="FOLDER", help="where rows, table and picture go (runs/posteriors_RECIPE)")
    add_allow(group)


def add_allow(parser: "argparse.ArgumentParser | argparse._ArgumentGroup") -> None:
    """Add the option that trusts other packages."""
    parser.add_argument(
        "--allow",
        metavar="PREFIX",
        action="append",
        default=[],
        help='build classes of your own too, such as those under "mypackage." (may be repeated)',
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add the option that says where the model runs."""
    parser.add_argument("--device", default="cpu", help="where the model runs, such as cuda (cpu)")


def make_console() -> "Console":
    """Return the console on standard output; off a terminal it is wide enough for a table."""
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=120)


def run_recipes(options: argparse.Namespace) -> None:
    """Print the recipes and what they say of themselves."""
    from rich.table import Table

    from pyrodgm.train.config import find_recipes, read_config

    recipes = find_recipes()
    if not recipes:
        raise ValueError("Expected YAML files in ./recipes; got none; `pyrodgm fit FILE` takes a file anywhere.")
    table = Table("recipe", "what it trains", title="Recipes")
    for name, path in recipes.items():
        table.add_row(name, " ".join(str(read_config(path).get("description", "")).split()))
    make_console().print(table)


def run_fit(options: argparse.Namespace) -> None:
    """Train a recipe, or go on."""
    import pyro

    from pyrodgm import train
    from pyrodgm.train.config import find_recipe, override, read_config, with_data_root
    from pyrodgm.train.evaluate import build_data
    from pyrodgm.train.files import read_json
    from pyrodgm.train.fit import check_folder, check_trainer, finished, split_settings

    console = make_console()
    path = find_recipe(options.recipe)
    config = override(with_data_root(read_config(path)), options.overrides)
    split_settings(config["training"], allow=options.allow)
    check_trainer(config["trainer"])
    folder = Path(options.out)
    check_folder(folder, config)
    if finished(folder):
        console.print(f"{folder} is finished already", highlight=False, soft_wrap=True)
        print_fit(console, folder, read_json(folder / "fit.json"))
        return
    pyro.set_rng_seed(config["seed"])
    splits = build_data(config["data"])  # its root is settled: an override before PYRODGM_DATA before the recipe
    model = train.build(config["model"], allow=options.allow, where="model")
    console.print(
        f"{path.stem}: {splits.name}, {len(splits.train.x)} rows, into {folder}", highlight=False, soft_wrap=True
    )
    sections = {key: config[key] for key in ("training", "trainer", "seed")}
    result = train.fit(model, splits, folder, config=config, allow=options.allow, console=console, **sections)
    print_fit(console, folder, result)


def print_fit(console: "Console", folder: Path, result: dict[str, Any]) -> None:
    """Print how a run ended."""
    from pyrodgm.train.fit import outcome

    console.print(
        f"{folder}: {outcome(result)}; {result['epochs']} epochs, {result['steps']} steps, "
        f"{result['minutes']:.1f} minutes, stopped by {result['stopped_by']}",
        highlight=False,
        soft_wrap=True,
    )


def run_evaluate(options: argparse.Namespace) -> None:
    """Estimate the test likelihood of a run."""
    from rich.progress import Progress

    from pyrodgm import train
    from pyrodgm.train.files import write_json

    console = make_console()
    check_positive(options, "num_particles", "chunk_size", "num_samples", "limit")
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(f"evaluating {options.run}", total=None)
        result = train.evaluate(
            options.run,
            num_particles=options.num_particles,
            chunk_size=options.chunk_size,
            features=options.features,
            num_samples=options.num_samples,
            limit=options.limit,
            root=options.root,
            seed=options.seed,
            name=options.name,
            device=options.device,
            allow=options.allow,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    write_json(Path(options.run) / f"{options.name}.json", result | {"command": options.line})
    print_results(console, [result | {"run": options.run}])


def run_sample(options: argparse.Namespace) -> None:
    """Draw from a run."""
    import io

    import numpy as np
    import pyro
    import torch

    from pyrodgm import plots, train
    from pyrodgm.train.config import read_config
    from pyrodgm.train.evaluate import load_data
    from pyrodgm.train.files import write_whole
    from pyrodgm.train.machine import check_device

    check_positive(options, "num")
    folder = Path(options.run)
    model = train.load(folder, allow=options.allow).to(check_device(options.device))
    splits = load_data(read_config(folder / "config.yaml"), root=options.root)
    context = splits.test.context
    if context is not None:
        context = context[torch.arange(options.num) % len(context)]  # again from the first where there are fewer
    pyro.set_rng_seed(options.seed)
    x = model.sample(options.num, None if context is None else context.to(options.device)).cpu()
    buffer = io.BytesIO()
    np.save(buffer, x.numpy(), allow_pickle=False)
    written = [write_whole(folder / "samples.npy", lambda file: file.write(buffer.getvalue()))]
    if len(splits.shape) == 3:
        plots.samples_grid(x, splits.shape, folder / "samples.png")
        written.append(folder / "samples.png")
    if splits.characters is not None:
        text = "\n\n----\n\n".join(splits.characters.decode(tokens) for tokens in x)
        written.append(write_whole(folder / "samples.txt", lambda file: file.write(text.encode())))
    make_console().print(f"{options.num} draws in {' and '.join(map(str, written))}", highlight=False, soft_wrap=True)


def run_compare(options: argparse.Namespace) -> None:
    """Print evaluated runs, or posteriors, side by side."""
    if options.posterior is not None:
        run_posteriors(options)
        return
    from pyrodgm.train.evaluate import compare

    print_results(make_console(), compare(options.runs, name=options.name))


def run_posteriors(options: argparse.Namespace) -> None:
    """Fit posteriors over the parameters of a recipe, and print them side by side."""
    from dataclasses import fields

    from pyrodgm.train.compare_posteriors import compare_posteriors
    from pyrodgm.train.config import find_recipe, override, read_config
    from pyrodgm.train.posterior_table import print_posteriors
    from pyrodgm.train.posteriors import PosteriorSettings

    if len(options.runs) != 1:
        raise ValueError(f"Expected one recipe with --posterior; got {', '.join(options.runs)}. Put options after it.")
    path = find_recipe(options.runs[0])
    names = [name.strip() for name in options.posterior.split(",")]
    settings = PosteriorSettings(**{field.name: getattr(options, field.name) for field in fields(PosteriorSettings)})
    folder = Path(options.out or f"runs/posteriors_{path.stem}")
    console = make_console()
    config = override(read_config(path), options.overrides)
    result = compare_posteriors(config, names, folder, settings=settings, allow=options.allow, console=console)
    print_posteriors(console, result)
    console.print(f"in {folder}", highlight=False, soft_wrap=True)


def check_positive(options: argparse.Namespace, *names: str) -> None:
    """Raise a ValueError for an option below 1."""
    for name in names:
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ValueError(f"Expected --{name} of at least 1; got {value}.")


def print_results(console: "Console", results: list[dict[str, Any]]) -> None:
    """Print a table of evaluations; what all have in common is said once, above it."""
    from rich.table import Column, Table

    from pyrodgm.train.evaluate_gan import SAMPLES
    from pyrodgm.train.gan_table import print_samples

    if results[0]["method"] == SAMPLES:
        print_samples(console, results, short_names([str(result["run"]) for result in results]))
        return
    data = [f"{result['data']}, {result['num_data']}" for result in results]
    same_data, paired = len(set(data)) == 1, len(results) > 1
    columns = [] if same_data else ["test data"]
    columns += ["method", "NLL, nats", "bits per dim", "training, min"]
    columns += ["paired difference, nats"] if paired else []
    # Fold long names: one that is cut off names nothing.
    folded = [Column(name, overflow="fold") for name in ("run", *columns)]
    title = "Test negative log-likelihood"
    table = Table(*folded, title=f"{title}: {data[0]}" if same_data else title)
    for name, of_data, result in zip(
        short_names([str(result["run"]) for result in results]), data, results, strict=True
    ):
        particles = result["num_particles"]
        minutes = result["training_minutes"]
        row = [
            name,
            *([] if same_data else [of_data]),
            "exact" if particles is None else f"{particles} particle{'s' * (particles != 1)}",
            f"{result['nll_nats']:.2f} ± {result['nll_nats_standard_error']:.2f}",
            f"{result['bits_per_dim']:.4f} ± {result['bits_per_dim_standard_error']:.4f}",
            "" if minutes is None else f"{minutes:.1f}",
        ]
        if paired:
            difference = result["difference_nats"]
            missing = "" if result is results[0] else "other test data"
            error = result["difference_standard_error"]
            row.append(missing if difference is None else f"{difference:+.2f} ± {error:.2f}")
        table.add_row(*row)
    console.print(table)


def short_names(folders: Sequence[str]) -> list[str]:
    """Return the last parts of paths where these differ, else the paths."""
    last = [Path(folder).name for folder in folders]
    return last if len(set(last)) == len(last) else list(folders)


if __name__ == "__main__":
    sys.exit(main())
