"""`resnet-dsl check`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from resnet_dsl.cli.options import input_option, set_option, specs_argument
from resnet_dsl.cli.output import show_diagnostic, show_note, show_text
from resnet_dsl.diagnostics import Diagnostic, SpecError

FORMATS = ("text", "json", "github", "sarif")


@click.command(short_help="Validate specs; lists every error at once.")
@specs_argument
@input_option
@set_option
@click.option("--strict", is_flag=True, help="Warnings are errors.")
@click.option(
    "--fix", is_flag=True, help="Rewrite files: apply what has one obvious fix, and show it."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default=FORMATS[0],
    show_default=True,
    help="How diagnostics are printed; all but text go to stdout.",
)
@click.pass_context
def check(
    ctx: click.Context,
    specs: tuple[str, ...],
    input: str | None,
    overrides: tuple[str, ...],
    strict: bool,
    fix: bool,
    form: str,
) -> None:
    """Validate any number of specs without building them; lists every error of each.

    The SPEC - is the standard input. Errors exit with 2, warnings with 0. docs/errors.md explains
    each error.

    \b
    Example:
      resnet-dsl check specs/*.yaml
      resnet-dsl check --strict --format github specs/*.yaml
      resnet-dsl check --fix mine.yaml
    """
    if fix and ("-" in specs or overrides or input):
        raise click.UsageError("--fix takes files, and no --set or --input")
    every: list[Diagnostic] = []
    failed = 0
    for spec in specs:
        if fix:
            diagnostics = _fixed(spec, strict, form)
        else:
            diagnostics = _checked(spec, input, overrides, strict)
        every += diagnostics
        failed += any(each.severity == "error" for each in diagnostics)
        if form == "text":
            _show(spec, diagnostics)
    if form != "text":
        show_text(_in_format(every, form))
    if failed:
        show_note(f"{failed} of {len(specs)} specs have errors")
        ctx.exit(2)


def _show(spec: str, diagnostics: Sequence[Diagnostic]) -> None:
    for diagnostic in diagnostics:
        show_diagnostic(diagnostic)
    if not any(each.severity == "error" for each in diagnostics):
        show_text(f"{spec}: ok")


def _checked(
    spec: str, input: str | None, overrides: Sequence[str], strict: bool
) -> tuple[Diagnostic, ...]:
    from resnet_dsl.sources.resolve import check, check_text

    if spec != "-":
        return check(spec, overrides, input, strict=strict)
    from resnet_dsl.reader.tree import LARGEST_FILE, decode

    try:
        text = decode(sys.stdin.buffer.read(LARGEST_FILE + 1), "<stdin>").text
    except SpecError as error:
        return error.diagnostics
    return check_text(text, "<stdin>", overrides, input, strict=strict)


def _fixed(spec: str, strict: bool, form: str) -> tuple[Diagnostic, ...]:
    from resnet_dsl.sources.fixing import fix_file

    try:
        fixed = fix_file(spec, strict=strict)
    except SpecError as error:
        return error.diagnostics
    if fixed.change and form == "text":
        show_text(fixed.change.rstrip("\n"))
    return fixed.diagnostics


def _in_format(diagnostics: Sequence[Diagnostic], form: str) -> str:
    from resnet_dsl.render.diagnostic_formats import as_github, as_json, as_sarif

    return {"json": as_json, "github": as_github, "sarif": as_sarif}[form](diagnostics)
