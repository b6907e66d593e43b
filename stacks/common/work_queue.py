"""A work queue with its dead-letter queue and their alarms."""

from typing import cast

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.common.alarms import PERIOD, Alarms
from stacks.common.nag import acknowledge
from stacks.config import DEFAULT_THRESHOLDS

# Attempts at a message: over a quarter of an hour, since a model may be throttled that long.
MAX_RECEIVES = 8
# One message per invocation: one that ends the process, by memory or timeout, must not fail others with it, and a
# message that has not begun must not use up its attempts.
BATCH = 1
_KEPT = Duration.days(14)


class WorkQueue(Construct):
    """Messages for one function, one per invocation. Failed messages are retried, given up, then dead-lettered."""

    def __init__(self, scope: Construct, construct_id: str, *, timeout: Duration, alarms: Alarms) -> None:
        """`timeout` is the function's; a message stays invisible slightly longer."""
        super().__init__(scope, construct_id)
        self.dead_letters = self._queue("DeadLetters", Duration.seconds(30))
        self.queue = self._queue(
            "Resource",
            timeout.plus(Duration.seconds(60)),
            # One more than attempts: the function's `give_up` also runs when the last attempt ended the process.
            sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=MAX_RECEIVES + 1),
        )
        acknowledge(
            self.dead_letters, {"Serverless-SQSRedrivePolicy": "It is the dead-letter queue itself, and has an alarm"}
        )
        self._watch(alarms)

    @property
    def environment(self) -> dict[str, str]:
        """The function's environment variables for the queue."""
        return {"QUEUE_URL": self.queue.queue_url, "MAX_RECEIVES": str(MAX_RECEIVES)}

    def grant_send(self, role: iam.Role) -> None:
        """Lets a role send messages to the queue."""
        role.add_to_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[self.queue.queue_arn]))

    def feed(self, function: lambda_.Function, role: iam.Role, *, concurrency: int) -> lambda_.CfnEventSourceMapping:
        """Lets the function process the messages, with at most `concurrency` invocations at once.

        Returns the resource that connects them."""
        actions = [
            *("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"),
        ]
        role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[self.queue.queue_arn]))
        source = lambda_.EventSourceMapping(
            self,
            "Source",
            target=function,
            event_source_arn=self.queue.queue_arn,
            batch_size=BATCH,
            report_batch_item_failures=True,
            max_concurrency=concurrency,
        )
        acknowledge(
            source,
            {"Serverless-LambdaEventSourceMappingDestination": "SQS moves messages to the dead-letter queue itself"},
        )
        return cast(lambda_.CfnEventSourceMapping, source.node.default_child)

    def _queue(
        self, construct_id: str, visibility: Duration, dead_letters: sqs.DeadLetterQueue | None = None
    ) -> sqs.Queue:
        return sqs.Queue(
            self,
            construct_id,
            enforce_ssl=True,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            visibility_timeout=visibility,
            retention_period=_KEPT,
            dead_letter_queue=dead_letters,
        )

    def _watch(self, alarms: Alarms) -> None:
        # A stack's first queue has none.
        prefix = self.node.id.removesuffix("Queue")
        alarms.add(
            f"{prefix}DeadLetters",
            self.dead_letters.metric_approximate_number_of_messages_visible(period=PERIOD, statistic="Maximum"),
            threshold=1,
            periods=1,
            description="Messages ran out of retries: check the function's log, then redrive the dead-letter queue",
        )
        old = alarms.thresholds.old_message_seconds
        age = "an hour" if old == DEFAULT_THRESHOLDS.old_message_seconds else f"{old / 60:g} minutes"
        alarms.add(
            f"{prefix}OldWork",
            self.queue.metric_approximate_age_of_oldest_message(period=PERIOD, statistic="Maximum"),
            threshold=old,
            periods=1,
            description=f"The oldest message is {age} old: messages keep failing, or arrive too fast",
        )
