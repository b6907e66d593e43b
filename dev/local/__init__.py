"""AWS on this machine: the emulator, the local models, and the deployment. See README.md."""
