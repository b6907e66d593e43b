"""The work on batches, behind a queue: files are scored, outcomes matched to their scores, loans stored for trainings."""
