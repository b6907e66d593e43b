"""The worker's queue. Its message names an erasure or an export; how far it is, is in the table."""

from typing import Literal

import msgspec

from lambda_src.shared.sqs import SqsQueue

JobType = Literal["erasure", "export"]


class Job(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Carry on with an erasure or export. `subject` is the digest of the caller."""

    job: JobType
    subject: str
    id: str


class Queue(SqsQueue):
    """The sending side."""

    def send(self, job: Job, delay: int = 0) -> None:
        """Sends a job, visible after `delay` seconds (900 at most). Raises `Unavailable`."""
        self._call("send_message", MessageBody=msgspec.json.encode(job).decode(), DelaySeconds=delay)
