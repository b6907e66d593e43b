"""`python -m ui [--stage dev] [--port 8501] [--address 0.0.0.0]`, from the project's root."""

import argparse
import os
import socket
import sys
from pathlib import Path

from ui import sign_in_settings

FOLDER = Path(__file__).parent
LOOPBACK = "127.0.0.1"
FIRST_PORT = 8501


def free_port() -> int:
    """Streamlit's usual port if nobody listens there, else one given by the kernel."""
    for port in (FIRST_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no port is free")


def main() -> None:
    """Become Streamlit: its process takes this one's place, so that a signal to this one ends it."""
    parser = argparse.ArgumentParser(prog="python -m ui", description="The page over a stage's APIs.")
    parser.add_argument("--stage", default="local", help="local, or the name of a stage on AWS")
    parser.add_argument("--port", type=int, help="free port by default")
    parser.add_argument("--address", default=LOOPBACK, help="to listen on; another than this machine's needs sign-in")
    options = parser.parse_args()
    if options.address != LOOPBACK and not sign_in_settings.required(os.environ):
        parser.error("--address: whoever reaches the page acts with its credentials, so UI_SIGN_IN has to be set")
    port = options.port or free_port()
    # Streamlit itself greets on its own address; this one line is what a person needs.
    sys.stdout.write(f"the page for the stage {options.stage}: http://localhost:{port}\n")
    sys.stdout.flush()
    # The folder has .streamlit/config.toml, which Streamlit looks for where it is started.
    os.chdir(FOLDER)
    os.environ.update(
        UI_STAGE=options.stage,
        PYTHONPATH=os.pathsep.join(filter(None, (str(FOLDER.parent), os.environ.get("PYTHONPATH")))),
    )
    sign_in_settings.become_caller(os.environ)
    server = ["--server.address", options.address, "--server.port", str(port)]
    command = [sys.executable, "-m", "streamlit", "run", "start/app.py", *server]
    os.execv(sys.executable, [*command, *sign_in_settings.hand_over(os.environ)])  # noqa: S606


if __name__ == "__main__":
    main()
