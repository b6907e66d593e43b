"""`python -m ui [--stage dev] [--port 8501] [--address 0.0.0.0]`, from the project's root folder."""

import argparse
import os
import socket
import sys
from pathlib import Path

from ui import sign_in_settings

FOLDER = Path(__file__).parent
LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 8501


def free_port() -> int:
    """Streamlit's default port if it is free, otherwise one that the kernel chooses."""
    for port in (DEFAULT_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no port is free")


def main() -> None:
    """Replaces this process with Streamlit, so that a signal to this process stops it."""
    parser = argparse.ArgumentParser(prog="python -m ui", description="The web UI for a stage's APIs.")
    parser.add_argument("--stage", default="local", help="local, or the name of a stage on AWS")
    parser.add_argument("--port", type=int, help="default: a free port")
    parser.add_argument("--address", default=LOOPBACK, help="address to listen on; all but loopback require sign-in")
    options = parser.parse_args()
    if options.address != LOOPBACK and not sign_in_settings.required(os.environ):
        parser.error("--address: every user of the web UI acts with its credentials, so UI_SIGN_IN is required")
    try:
        sign_in_settings.check(os.environ)
    except ValueError as error:
        parser.error(str(error))
    port = options.port or free_port()
    # Streamlit prints the address it listens on, which a browser may not be able to open.
    sys.stdout.write(f"Web UI for stage {options.stage}: http://localhost:{port}\n")
    sys.stdout.flush()
    # Streamlit reads .streamlit/config.toml from its working directory.
    os.chdir(FOLDER)
    os.environ.update(
        UI_STAGE=options.stage,
        PYTHONPATH=os.pathsep.join(filter(None, (str(FOLDER.parent), os.environ.get("PYTHONPATH")))),
    )
    sign_in_settings.use_caller_role(os.environ)
    server = ["--server.address", options.address, "--server.port", str(port)]
    command = [sys.executable, "-m", "streamlit", "run", "start/app.py", *server]
    os.execv(sys.executable, [*command, *sign_in_settings.streamlit_options(os.environ)])  # noqa: S606


if __name__ == "__main__":
    main()
