"""A real Apache Kafka in one process (KRaft), from Maven artifacts: for tests, and for whoever has
Java 17 but no Docker. Nothing is downloaded where Java or Maven is missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from controller.adapters.kafka_topics import ensure_topics
from controller.errors import Unavailable
from selfright.stack.child_process import ChildProcess, free_port

VERSION = "4.3.1"
START_CAP_S = 60.0
DOWNLOAD_CAP_S = 300.0

_POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>selfright</groupId><artifactId>kafka-jars</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
      <version>{VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={log_dir}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
"""


def what_is_missing() -> str:
    """Why Apache Kafka cannot be started here, in one line; empty when it can."""
    missing = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    if missing:
        return f"{' and '.join(missing)} not on the path (Java 17 or later and Maven are needed)"
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    version = said.partition('"')[2].partition('"')[0]
    major = version.partition(".")[0]
    if not major.isdigit() or int(major) < 17:
        return f"Java {version or '?'} is on the path, 17 or later is needed"
    return ""


def jar_folder() -> Path:
    """Where the jars are kept between runs."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "selfright" / f"kafka-{VERSION}"


def fetch_jars() -> Path:
    """Fetch the jars once. Raise Unavailable when Maven cannot."""
    folder = jar_folder()
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    working = folder.with_name(f"{folder.name}.{os.getpid()}")
    try:
        working.mkdir()
        (working / "pom.xml").write_text(_POM, "utf-8")
        command = ["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=jars"]
        done = subprocess.run(
            command,
            cwd=working,
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_CAP_S,
            check=False,
        )
        if done.returncode != 0:
            raise Unavailable(f"Maven cannot fetch Kafka {VERSION}: {done.stdout[-500:]}")
        (working / "jars").rename(folder)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"Maven did not fetch Kafka {VERSION} in time") from error
    finally:
        shutil.rmtree(working, ignore_errors=True)
    return folder


class ApacheKafka:
    """One broker on loopback. Keeps its port and its data over restarts."""

    def __init__(self, data_dir: Path, partitions: int = 1) -> None:
        self.port = free_port()
        self._partitions = partitions
        self._folder = data_dir
        self._properties = data_dir / "server.properties"
        self._child: ChildProcess | None = None

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    def start(self) -> None:
        """Start it, wait until it answers, and create the topics. Raise Unavailable."""
        jars = fetch_jars()
        java = ["java", "-Xmx384m", "-cp", f"{jars}/*"]
        if not self._properties.exists():
            self._format(java)
        self._child = ChildProcess(
            "kafka", [*java, "kafka.Kafka", str(self._properties)], self._folder / "kafka.log"
        )
        self._child.start()
        deadline_s = time.monotonic() + START_CAP_S
        try:
            self._wait_until_it_answers(self._child, deadline_s)
        except BaseException:
            self._child.kill()
            raise

    def _format(self, java: list[str]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        text = _PROPERTIES.format(
            port=self.port, controller_port=free_port(), log_dir=self._folder / "log"
        )
        self._properties.write_text(text, "utf-8")
        cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        tool = [*java, "kafka.tools.StorageTool", "format", "-t", cluster_id]
        subprocess.run([*tool, "-c", str(self._properties)], capture_output=True, check=True)

    def _wait_until_it_answers(self, child: ChildProcess, deadline_s: float) -> None:
        while True:
            if not child.is_running():
                raise Unavailable(f"Kafka ended with {child.exit_code}: {child.log_tail()}")
            try:
                ensure_topics(self.bootstrap, self._partitions, timeout_s=2.0)
                return
            except Unavailable:
                if time.monotonic() > deadline_s:
                    raise

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self._child:
            self._child.kill()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL when it takes too long: it takes several seconds."""
        if self._child:
            self._child.stop(cap_s=15.0)
