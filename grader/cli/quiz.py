"""``grader quiz``: check quiz and rubric files, write their mirrors, print their JSON Schemas."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from grader.cli.console import messages, print_json, print_line
from grader.cli.options import JsonOption, JudgeModelOption, JudgeOption, TierOption, open_grader
from grader.errors import Fault, GraderError

quiz_app = typer.Typer(no_args_is_help=True, help="Check, mirror and describe quiz and rubric files.")

FilesArgument = Annotated[list[Path], typer.Argument(metavar="FILE...", help="YAML files.")]


AttackOption = Annotated[
    bool, typer.Option("--attack", help="Also attack the quiz: edit, empty and order about right answers, and grade.")
]
MaxMovedOption = Annotated[
    float,
    typer.Option(
        "--max-moved", metavar="SHARE", min=0, max=1, help="With --attack: fail where more of the grades move wrongly."
    ),
]


@quiz_app.command("check")
def check(
    files: FilesArgument,
    *,
    attack: AttackOption = False,
    max_moved: MaxMovedOption = 0.15,
    tier: TierOption = "embedded",
    judge: JudgeOption = "none",
    judge_model: JudgeModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check quiz and rubric files; print every fault with file, line and field.

    In files without faults the facts that quizzes name are run, and the keys held against them. With --attack, files
    that stand this are attacked, graded by --tier and, every answer, by --judge. It fails where an order to the grader
    raised any grade.
    """
    from grader.load import check_facts, check_files

    if not attack and (tier, judge, judge_model) != ("embedded", "none", None):
        raise GraderError("--tier and --judge go with --attack")
    faults, ran = check_files(files), 0
    if not faults:
        proof = check_facts(files)
        faults, ran = proof.faults, len(proof.ran)
    if attack and not faults:
        from grader.cli.attack import attack_files
        from grader.judge.settings import choose_judge

        asked = choose_judge(judge, when="always", model=judge_model)
        if not attack_files(files, max_moved, partial(open_grader, tier=tier, judge=asked), as_json=as_json):
            raise typer.Exit(1)
        return
    if as_json and attack:
        print_json({"faults": _records(faults), "attacks": [], "weak": []})
    elif as_json:
        print_json(_records(faults))
    else:
        for fault in faults:
            print_line(str(fault))
        messages().print(f"{len(files)} checked, {ran} facts run, {len(faults)} faults")
    if faults:
        raise typer.Exit(1)


@quiz_app.command("mirror")
def mirror(
    files: FilesArgument,
    *,
    only_check: Annotated[bool, typer.Option("--check", help="Write nothing; fail where a mirror differs.")] = False,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where the mirrors are.")] = Path("docs/quizzes"),
) -> None:
    """Write the readable Markdown mirrors of quizzes, one a language."""
    from grader.mirror import drift, write_mirrors

    if only_check:
        _report_drift([fault for file in files for fault in drift(file, out)])
    else:
        _list_paths([path for file in files for path in write_mirrors(file, out)])


@quiz_app.command("schema")
def schema(
    kind: Annotated[Literal["quiz", "rubric"], typer.Argument(help="Kind of file.")] = "quiz",
    *,
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="Write both kinds there instead.")] = None,
    only_check: Annotated[bool, typer.Option("--check", help="Write nothing; fail where FOLDER differs.")] = False,
) -> None:
    """Print the JSON Schema of a kind of file, for editors that complete and check YAML."""
    from grader.load.json_schema import SCHEMAS, schema_drift, schema_text, write_schemas

    if out is not None and only_check:
        _report_drift(schema_drift(out))
    elif out is not None:
        _list_paths(write_schemas(out))
    elif only_check:
        raise GraderError("--check needs --out, the folder to check")
    else:
        typer.echo(schema_text(SCHEMAS[f"{kind}.schema.json"]), nl=False)


def _records(faults: Sequence[Fault]) -> list[dict[str, object]]:
    return [{"path": f.path, "line": f.line, "field": f.field, "message": f.message} for f in faults]


def _list_paths(paths: Sequence[Path]) -> None:
    for path in paths:
        print_line(str(path))


def _report_drift(faults: Sequence[Fault]) -> None:
    for fault in faults:
        print_line(str(fault))
    if faults:
        raise typer.Exit(1)
