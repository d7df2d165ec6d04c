"""`millstream doctor`: what a machine or a configuration lacks, before a session meets it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import click
import msgspec

from millstream.cli.doctor_config import configuration_findings
from millstream.cli.doctor_machine import machine_findings
from millstream.cli.doctor_words import Finding


@click.command()
@click.argument("config", required=False, type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("sessions"), show_default=True,
    help="Where sessions are to be written: that disk is looked at.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(config: Path | None, out: Path, as_json: bool) -> int:
    """Say what this machine, and the configuration CONFIG, lack, and what to do.

    Of the network only a MongoDB order store that CONFIG names is asked. No secret is shown. A
    configuration's robots are imported, as `millstream run` does.

    Exit code 0: nothing is wrong; 1: there is a problem.
    """
    findings = list(machine_findings(out))
    if config is not None:
        with redirect_stdout(sys.stderr):  # what a robot's file prints is none of our findings
            findings += configuration_findings(config)
    problems = sum(finding.standing == "problem" for finding in findings)
    if as_json:
        click.echo(msgspec.json.encode({"problems": problems, "findings": findings}))
    else:
        click.echo("\n".join(_lines(findings, problems)))
    return 1 if problems else 0


def _lines(findings: list[Finding], problems: int) -> Iterator[str]:
    width = max(len(finding.about) for finding in findings)
    for finding in findings:
        advice = f"; {finding.advice}" if finding.advice else ""
        yield f"{finding.standing:<8} {finding.about:<{width}}  {finding.found}{advice}"
    if problems:
        yield f"{problems} problem{'s' if problems > 1 else ''}"
    else:
        yield "nothing is wrong"
