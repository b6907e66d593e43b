"""What every use case's function is built from; it is part of every package, so it stays small."""
