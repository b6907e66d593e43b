"""`python -m dev.local.models --port PORT`: serves the local models."""

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from dev.local.models.calls import Calls
from dev.local.models.runtimes import Runtimes
from dev.local.models.server import LocalModels, Server
from dev.local.models.simulate import Simulator


def main() -> None:
    """Opens the port immediately and loads the models in the background; the first call may wait for them."""
    parser = argparse.ArgumentParser(prog="python -m dev.local.models")
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    log = os.environ.get("LOCAL_MODELS_LOG")
    runtimes = Runtimes()
    server = Server(("127.0.0.1", port), LocalModels(runtimes, Simulator()), Calls(Path(log) if log else None))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    threading.Thread(target=lambda: (runtimes.embedder, runtimes.writer), daemon=True).start()
    logging.info("serving on port %d", port)
    server.serve_forever()


if __name__ == "__main__":
    main()
