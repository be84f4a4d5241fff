"""The log store's jar, compiled where Spark is, by the Java compiler that Spark brings along."""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse_platform.errors import TerminalError

if TYPE_CHECKING:
    from py4j.java_gateway import JavaGateway

SOURCE = Path(__file__).with_name("ConditionalPutLogStore.java")
JAVA_VERSION = 8
"""Of the classes: Spark 3.5 runs on 8 and later."""


def compile_log_store(folder: Path, *, delta_storage: Path, java: Path) -> Path:
    """Jar of the log store, in `folder`; compiled where it is not there yet, in about a second. Several processes may ask at once.

    `delta_storage` is Delta's jar of that name, `java` the program. Raises TerminalError where the source does not compile against it.
    """
    digest = hashlib.sha256(SOURCE.read_bytes() + delta_storage.name.encode()).hexdigest()[:16]
    jar = folder / f"conditional-put-{digest}.jar"
    if not jar.exists():
        classes = _compiled(delta_storage, java)
        folder.mkdir(parents=True, exist_ok=True)
        _publish(classes, jar)
    return jar


def _publish(classes: dict[str, bytes], jar: Path) -> None:
    with tempfile.TemporaryDirectory(dir=jar.parent, prefix=".") as scratch:
        made = Path(scratch, jar.name)
        with zipfile.ZipFile(made, "w") as archive:
            for name, content in sorted(classes.items()):
                archive.writestr(zipfile.ZipInfo(f"{name.replace('.', '/')}.class"), content)  # a fixed time: equal sources, equal jars
        with suppress(FileExistsError):  # another process was first
            jar.hardlink_to(made)


def _compiled(delta_storage: Path, java: Path) -> dict[str, bytes]:
    from py4j.protocol import Py4JJavaError

    with _java(delta_storage, java) as gateway:
        compiler = gateway.jvm.org.codehaus.janino.SimpleCompiler()
        compiler.setTargetVersion(JAVA_VERSION)
        try:
            compiler.cookFile(str(SOURCE))
        except Py4JJavaError as error:
            reason = error.java_exception.getMessage()
            raise TerminalError(f"{SOURCE.name} does not compile against {delta_storage.name}: {reason}. Use a Delta 3 jar.") from None
        return {str(name): bytes(content) for name, content in compiler.getBytecodes().items()}


@contextmanager
def _java(delta_storage: Path, java: Path) -> Iterator[JavaGateway]:
    """A Java process of its own, with Spark's jars, that ends with the block."""
    import pyspark
    from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway

    jars = Path(pyspark.__file__).parent / "jars"
    port, token, process = launch_gateway(
        jarpath=str(next(jars.glob("py4j-*.jar"))), classpath=f"{jars}/*:{delta_storage}", java_path=str(java),
        die_on_exit=True, enable_auth=True, return_proc=True,
    )
    gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port, auth_token=token, auto_convert=True))
    try:
        yield gateway
    finally:
        gateway.shutdown()
        process.stdin.close()
        process.wait(timeout=30)
