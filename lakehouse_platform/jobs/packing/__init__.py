"""What a job on EMR Serverless or Glue is given: a Python, the library, the contracts. Same content, same bytes, same name."""

from lakehouse_platform.jobs.packing.bundle import artifacts_of

__all__ = ["artifacts_of"]
