"""Where a job leaves its report: whole, or not at all."""

from __future__ import annotations

from pathlib import Path

from lakehouse_platform.aws.base import asking, bucket_and_key
from lakehouse_platform.jobs.project import Project
from lakehouse_platform.jobs.report import JobReport, write_report

S3 = "s3://"


def leave_report(project: Project, place: str | None, report: JobReport) -> None:
    """Write the report to an address on S3 or a file; nowhere without one. Raises what S3 answers, as the platform's errors.

    A later try of the same job writes over an earlier one's: what was merged before is found merged.
    """
    if place is None:
        return
    text = write_report(report)
    if place.startswith(S3):
        bucket, key = bucket_and_key(place)
        with asking(f"leaving the report in {place}"):
            project.account.s3.put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType="application/json")
        return
    Path(place).write_text(text, encoding="utf-8")
