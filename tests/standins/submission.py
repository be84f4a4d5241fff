"""What a submission names, read as the services read it: nothing here touches a disk or a network."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

LISTS = {"--py-files": "spark.submit.pyFiles", "--jars": "spark.jars", "--archives": "spark.archives", "--files": "spark.files"}
SINGLE = {
    "--name": "spark.app.name",
    "--driver-memory": "spark.driver.memory",
    "--driver-cores": "spark.driver.cores",
    "--executor-memory": "spark.executor.memory",
    "--executor-cores": "spark.executor.cores",
    "--num-executors": "spark.executor.instances",
}
DRIVER_ENVIRONMENT = "spark.emr-serverless.driverEnv."
PLACED = frozenset({*LISTS.values(), "spark.master", "spark.submit.deployMode"})
"""Settings that the service itself acts on."""
SIZES = frozenset(SINGLE.values()) - {"spark.app.name"}


class MalformedSubmissionError(ValueError):
    """The service would not understand it."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One driver to run."""

    entry: str
    arguments: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    """Of Spark."""
    wheels: tuple[str, ...] = ()
    """Installed before the driver starts, as Glue does."""
    virtual_environment: str = ""
    """Archive of the Python that takes the place of the image's, as Glue has it."""
    delta: bool = False
    """Whether the image puts Delta on the class path unasked."""

    def listed(self, name: str) -> tuple[str, ...]:
        """A setting that is a list."""
        return tuple(part.strip() for part in self.settings.get(name, "").split(",") if part.strip())

    @property
    def driver_environment(self) -> dict[str, str]:
        """Variables that the driver is to have."""
        found = self.settings.items()
        return {name.removeprefix(DRIVER_ENVIRONMENT): value for name, value in found if name.startswith(DRIVER_ENVIRONMENT)}

    @property
    def passed_on(self) -> dict[str, str]:
        """Settings that Spark itself gets. Sizes are those of a fleet: this machine has its own."""
        kept = {name: value for name, value in self.settings.items() if name not in PLACED | SIZES}
        return {name: value for name, value in kept.items() if not name.startswith("spark.emr-serverless.")}


def emr_submission(spark_submit: Mapping[str, object], defaults: Mapping[str, str]) -> Submission:
    """What `jobDriver.sparkSubmit` names, over the run's own defaults. Raises MalformedSubmissionError."""
    arguments = spark_submit.get("entryPointArguments") or ()
    if not isinstance(arguments, list | tuple):
        raise MalformedSubmissionError("entryPointArguments is not a list")
    settings = spark_settings(str(spark_submit.get("sparkSubmitParameters") or ""))
    return Submission(str(spark_submit["entryPoint"]), tuple(map(str, arguments)), {**defaults, **settings})


def spark_settings(parameters: str) -> dict[str, str]:
    """Options of spark-submit as settings. Raises MalformedSubmissionError."""
    words = shlex.split(parameters)
    if len(words) % 2:
        raise MalformedSubmissionError(f"an option has no value: {words[-1]}")
    settings: dict[str, str] = {}
    for option, value in zip(words[::2], words[1::2], strict=True):
        if option == "--conf":
            settings.update(_pairs([value]))
        elif name := LISTS.get(option) or SINGLE.get(option):
            settings[name] = value
        else:
            raise MalformedSubmissionError(f"{option} is not an option that can be given here")
    return settings


def glue_submission(run: Mapping[str, str], script: str, arguments: Mapping[str, str]) -> Submission:
    """What a Glue run's arguments name; `run` is what Glue adds for the script. Raises MalformedSubmissionError."""
    chained = arguments.get("--conf", "")
    settings = dict(_pairs(part.strip() for part in chained.split(" --conf "))) if chained else {}
    lists = {"--extra-py-files": "spark.submit.pyFiles", "--extra-jars": "spark.jars", "--extra-files": "spark.files"}
    settings |= {name: arguments[option] for option, name in lists.items() if option in arguments}
    delta = "delta" in arguments.get("--datalake-formats", "").split(",")
    modules = tuple(filter(None, arguments.get("--additional-python-modules", "").split(",")))
    if unknown := [module for module in modules if not (module.startswith("s3://") and module.endswith(".whl"))]:
        raise MalformedSubmissionError(f"{unknown[0]} would come from a package index, and there is none here; name a wheel on S3")
    words = tuple(word for pair in {**run, **arguments}.items() for word in pair)
    script = arguments.get("--scriptLocation", script)
    return Submission(script, words, settings, modules, arguments.get("--python-virtual-env", ""), delta)


def _pairs(texts: Iterable[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise MalformedSubmissionError(f"--conf {text} is not name=value")
        pairs[name.strip()] = value
    return pairs
