"""`make docs`: writes every figure of README and docs/ from the results that are committed in docs/results.

A page holds its text, and markers between which a command writes the results' figures. A test fails if a page
and the results disagree.
"""

from __future__ import annotations

import io
from pathlib import Path
from statistics import median

from rich.console import Console

from compare.findings.findings import find
from compare.findings.job import verdicts_against_itself
from compare.findings.machines import across, apart, names
from compare.labels import Label
from compare.merge import MergeConfig, joined_runs
from compare.numbers import count, format_percent
from compare.records.calibration import Calibration, Trial
from compare.records.calibration import read as read_calibration
from compare.records.foreign import read_results
from compare.records.results import Results
from compare.rendering import facts, job, machines, terminal, variant_table
from compare.rendering.groups import Group, groups
from compare.rendering.markdown import bullets, table
from compare.rendering.report_files import render
from compare.variants import VARIANTS
from tools import method_figures, network_pages, option_tables, parity_docs, porting_guide
from tools.parity_docs import refreshed
from tools.ranks import pages as rank_pages

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "results"
EXAMPLE = ROOT / "docs" / "example"
FIGURED = (
    "variants",
    "options",
    "methods",
    "checkpoints",
    "machines",
    "any_network",
    "job",
    "distributed",
    "install",
)
PAGES = (
    ROOT / "README.md",
    *(ROOT / "docs" / f"{name}.md" for name in FIGURED),
)
TERMINAL_WIDTH = 92


def main() -> None:
    """Write every page and figure that is made from committed results."""
    parity_docs.main()
    rank_pages.main()
    (ROOT / "docs" / "porting.md").write_text(porting_guide.guide())
    found = sections()
    for page in PAGES:
        page.write_text(refreshed(page.read_text(), found))
    EXAMPLE.mkdir(exist_ok=True)
    render(find(read_results(RESULTS / "variants.json")), EXAMPLE)


def sections() -> dict[str, str]:
    """Return the marked sections of the pages, by name."""
    calibration = read_calibration(RESULTS / "calibration.json")
    variants = read_results(RESULTS / "variants.json")
    on_machines = machines_parts(RESULTS / "run.json", RESULTS / "xeon.json")
    return {
        "run": terminal_block(read_results(RESULTS / "run.json")),
        "variants": variants_section(variants),
        "calibration": calibration_section(calibration),
        "harness": method_figures.harness_section(method_figures.read(RESULTS / "harness_cost.json")),
        "tried": method_figures.tried_section(method_figures.read(RESULTS / "tried.json")),
        "verdicts": method_figures.verdict_section(),
        "growth": method_figures.growth_section(variants),
        "allocator": settings("allocator_stable", "stable", "allocator_system", "system"),
        "deterministic": settings("allocator_stable", "as it comes", "deterministic", "deterministic"),
        "endurance": method_figures.endurance_section(
            method_figures.read(RESULTS / "kills.json"), method_figures.read(RESULTS / "soak.json")
        ),
        "conversions": method_figures.conversions_section(method_figures.read(RESULTS / "conversions.json")),
        "first_call": method_figures.first_call_section(method_figures.read(RESULTS / "install.json")),
        "job": job_section(RESULTS / "job.json", *sorted(RESULTS.glob("job_again*.json"))),
        "machines": "\n\n".join(on_machines),
        "two_machines": on_machines[1],
        "cluster": method_figures.cluster_section(method_figures.read(RESULTS / "cluster.json")),
        "described": table(
            ["variant", "what it changes", "who would choose it"],
            [[variant.name, variant.changes, variant.choose_when] for variant in VARIANTS],
        ),
    } | {**option_tables.sections(), **network_pages.sections(), **rank_pages.sections()}


def machines_parts(*files: Path) -> list[str]:
    """Return a table of committed runs from several machines, what it says, and the machines' differences."""
    runs, differences = joined_runs(MergeConfig(files, accept_differences=True))
    parts = apart(runs)
    found = {name: find(parts[key], name) for key, name in names(parts).items()}
    compared = across(found)[0]
    rows = table(machines.header(compared), machines.table(compared, found))
    sentence = machines.verdict(compared).sentence
    noted = [f"Merged with `--accept-differences`: {'; '.join(differences)}."] if differences else []
    return [rows, sentence, *noted]


def job_section(path: Path, *again: Path) -> str:
    """Return the findings of the committed run of the whole job, and each pipeline compared with itself."""
    found = find(read_results(path))
    parts = ["## What was measured", machine_sentence(found.results), bullets(job.answers([found]))]
    for one in job.tables([found]):
        parts += [f"### {one.title}", one.note, table(one.header, one.rows)]
        parts += [bullets(one.more)] if one.more else []
    said = [
        f"{verdict.sentence} Seeds {one.config.first_seed} to {one.config.first_seed + one.config.seeds - 1}."
        for one in map(read_results, again)
        for verdict in verdicts_against_itself(one)
    ]
    parts += ["### Each pipeline against itself", bullets(said)]
    return "\n\n".join(parts)


def settings(plain: str, plain_name: str, other: str, other_name: str) -> str:
    """Return a comparison of two committed runs that differ in one option."""
    results = [read_results(RESULTS / f"{name}.json") for name in (plain, other)]
    return method_figures.settings_section(results[0], results[1], (plain_name, other_name))


def terminal_block(results: Results) -> str:
    """Return the output of `make compare` for these results, without progress and the table of losses."""
    out = io.StringIO()
    console = Console(file=out, width=TERMINAL_WIDTH, highlight=False)
    console.print(facts.headline(results.config), markup=False)
    if results.parity is not None:
        console.print(f"parity    {results.parity.summary}", markup=False)
    console.print(terminal.summary(find(results), TERMINAL_WIDTH))
    lines = "\n".join(line.rstrip() for line in out.getvalue().splitlines())
    head, machine, _losses, *rest = lines.strip().split("\n\n")
    shown = "\n\n".join([head, machine, "…", *rest])
    return f"```\n{shown}\n```\n\n{machine_sentence(results)}"


def machine_sentence(results: Results) -> str:
    """Return the processor and the versions behind these figures."""
    versions = {
        name: number
        for run in results.runs
        for name, number in run.versions.items()
        if number and name != "built_for_cuda"
    }
    named = ", ".join(f"{name} {number}" for name, number in versions.items())
    environment = results.environment
    return f"{environment.cpu}, {count(environment.cpus_usable or 0, 'CPU')}; {named}."


def variants_section(results: Results) -> str:
    """Return the table of all variants on the CPU."""
    found = [find(results)]
    shares = {group.label: share_cell(group) for group in groups(found)}
    columns = ("variant", "step time", "÷ baseline", "verdict", "share of peak", "test accuracy")
    rows = []
    for row in variant_table.rows(found):
        texts = {name: variant_table.cell_text(cell) for name, cell in row.cells.items()}
        texts["share of peak"] = shares.get(row.label, "")
        rows.append([texts[name] for name in columns])
    header = [name.replace("baseline", "first") for name in columns]
    work = method_figures.work_sentence(results)
    return f"{table(header, rows)}\n\n{work} {machine_sentence(results)}"


def share_cell(group: Group) -> str:
    """Return the median step's operations per second as a share of the worker's peak, over launches."""
    flops = group.config.spec.training_flops(group.config.batch_size)
    shares = [
        flops / median(run.timed_seconds) / run.matmul_peak_flops
        for run in group.runs
        if run.matmul_peak_flops
    ]
    return format_percent(median(shares), 0) if shares else ""


def calibration_section(calibration: Calibration) -> str:
    """Return how many self-comparisons say "no difference", and the verdicts on slowed steps."""
    rows = [
        calibration_row(calibration, name) for name in dict.fromkeys(t.variant for t in calibration.trials)
    ]
    header = ["variant", "against itself: no difference", "widest ratio seen", "slowed by 5 %"]
    first = calibration.self_comparisons()[0]
    words = f"Each variant against itself, {first.launches} launches × {first.steps} steps a side"
    if calibration.slowed():
        words += f", and against itself slowed by 5 %, {calibration.slowed()[0].launches} launches a side"
    return f"{words}:\n\n{table(header, rows)}\n\n{calibration.environment.cpu}."


def calibration_row(calibration: Calibration, name: str) -> list[str]:
    """Return a variant's row: how often it differed from itself, and the verdicts on its slowed steps."""
    same = [trial for trial in calibration.self_comparisons() if trial.variant == name]
    quiet = sum(trial.kind == "no_difference" for trial in same)
    ratios = sorted((trial.estimate or 1.0 for trial in same), key=lambda ratio: abs(ratio - 1))
    slowed = [slowed_words(trial) for trial in calibration.slowed() if trial.variant == name]
    widest = f"{ratios[-1]:.3f}×" if ratios else ""
    return [Label.read(name).title, f"{quiet} of {len(same)}", widest, "; ".join(slowed)]


def slowed_words(trial: Trial) -> str:
    """Return the verdict on a slowed step, with its ratio and interval."""
    return f"{trial.words}: {trial.estimate:.3f}× [{trial.low:.3f}, {trial.high:.3f}]"


if __name__ == "__main__":
    main()
