"""The engine's configuration and command line."""

import shutil
from pathlib import Path

from dev.local.ports import LOOPBACK

_SETTINGS = """\
cluster.name: local
node.name: local
discovery.type: single-node
network.host: {host}
http.port: {port}
# A single node opens the transport port, too: the kernel chooses a free one.
transport.port: 0
path.data: {folder}/data
path.logs: {folder}/logs
cluster.routing.allocation.disk.threshold_enabled: false
# A document with a wrong index name must not create an index.
action.auto_create_index: false
# Both need native access, which is disabled (see the command line).
bootstrap.ctrlhandler: false
bootstrap.system_call_filter: false
"""
# The distribution's default writes JSON log files, which are not needed.
_LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
# Suppress startup warnings about intentional settings: no native access, few open files.
logger.natives.name = org.opensearch.bootstrap.Natives
logger.natives.level = error
logger.checks.name = org.opensearch.bootstrap.BootstrapChecks
logger.checks.level = error
"""


def configure(home: Path, folder: Path, port: int) -> None:
    """Writes the engine's configuration to `folder` and keeps existing data."""
    for name in ("config", "data", "logs", "tmp"):
        (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    config = folder / "config"
    (config / "opensearch.yml").write_text(_SETTINGS.format(host=LOOPBACK, port=port, folder=folder), encoding="utf-8")
    (config / "log4j2.properties").write_text(_LOGGING, encoding="utf-8")
    shutil.copyfile(home / "config" / "fips_java.security", config / "fips_java.security")


def command(java: str, home: Path, folder: Path) -> list[str]:
    """
    The Java command of `bin/opensearch`, without the two Java processes that the script runs to compute it.

    OpenSearch refuses to run as root, and an unprivileged user cannot read a checkout in root's home. OpenSearch checks
    the user with JNA: if JNA can neither find nor unpack its native library, OpenSearch only logs a warning. The local
    stage does not need native access: it does not lock memory.
    """
    return [
        java,
        "-Xshare:auto",
        "-Xms128m",
        "-Xmx512m",
        "-Xss1m",
        "-XX:+UseSerialGC",
        # Only the C1 compiler: the engine starts in 8 instead of 13 seconds, and slightly slower searches are fine.
        "-XX:TieredStopAtLevel=1",
        "-XX:-OmitStackTraceInFastThrow",
        f"-XX:ErrorFile={folder}/logs/hs_err_pid%p.log",
        "-Djava.awt.headless=true",
        "-Dfile.encoding=UTF-8",
        "-Djna.nosys=true",
        "-Djna.nounpack=true",
        "-Dio.netty.noUnsafe=true",
        "-Dio.netty.noKeySetOptimization=true",
        "-Dio.netty.recycler.maxCapacityPerThread=0",
        "-Dlog4j.shutdownHookEnabled=false",
        "-Dlog4j2.disable.jmx=true",
        "-Djava.locale.providers=SPI,CLDR",
        f"-Djava.io.tmpdir={folder / 'tmp'}",
        f"-javaagent:{home}/agent/opensearch-agent.jar",
        "--sun-misc-unsafe-memory-access=allow",
        "--enable-native-access=ALL-UNNAMED",
        f"-Dopensearch.path.home={home}",
        f"-Dopensearch.path.conf={folder}/config",
        "-Dopensearch.distribution.type=zip",
        "-Dopensearch.bundled_jdk=false",
        "-cp",
        f"{home}/lib/*",
        "org.opensearch.bootstrap.OpenSearch",
    ]
