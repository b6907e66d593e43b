"""AWS on this machine: the emulator, the models' stand-in, and the deployment to them. See README.md."""
