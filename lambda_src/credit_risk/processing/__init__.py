"""The work on batches, behind a queue: applications are scored, outcomes counted, files of loans checked."""
