"""Alarms and their notifications."""

from aws_cdk import Annotations, Aws, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from stacks.common.nag import acknowledge, compliance_findings
from stacks.common.use_case_stack import UseCaseStack

PERIOD = Duration.minutes(5)


class Alarms(Construct):
    """Creates alarms that notify the stage's topic or e-mail address; without either they only show in CloudWatch.

    Synthesis warns about that when the stage keeps its data: what is worth keeping is in use.
    """

    def __init__(self, scope: UseCaseStack, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        settings = scope.settings.alarms
        self.thresholds = settings.thresholds
        self._topic: sns.ITopic | None = None
        if settings.topic_arn:
            self._topic = sns.Topic.from_topic_arn(self, "Topic", settings.topic_arn)
        elif settings.email:
            self._topic = self._email_topic(settings.email)
        else:
            self._notify_nobody(warn=scope.settings.keeps_data)

    def add(
        self,
        construct_id: str,
        metric: cloudwatch.IMetric,
        *,
        threshold: float,
        periods: int,
        description: str,
        datapoints: int | None = None,
    ) -> None:
        """Adds an alarm that fires when the metric is at or above the threshold in `periods` consecutive periods.

        With `datapoints`, that many breaching periods among them are enough.
        """
        alarm = cloudwatch.Alarm(
            self,
            construct_id,
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            datapoints_to_alarm=datapoints,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            # No traffic is not a failure.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=description,
        )
        if self._topic:
            alarm.add_alarm_action(actions.SnsAction(self._topic))
            # Those who were woken up see that it is over.
            alarm.add_ok_action(actions.SnsAction(self._topic))

    def send_events(self, construct_id: str, pattern: events.EventPattern, *, description: str) -> None:
        """Sends events to whom alarms are sent, if anyone. The policy of an existing topic must allow EventBridge."""
        if not self._topic:
            return
        topic = targets.SnsTopic(self._topic)
        rule = events.Rule(self, construct_id, description=description, event_pattern=pattern, targets=[topic])
        lost = "A notification that fails is not worth a queue: the reports have the figures"
        acknowledge(rule, {"Serverless-EventBusDLQ": lost})

    def _notify_nobody(self, *, warn: bool) -> None:
        reason = "The stage's settings name nobody to notify (`alarms`): alarms show in CloudWatch only"
        acknowledge(self, compliance_findings({"CloudWatchAlarmAction": reason}))
        if warn:
            Annotations.of(self).add_warning_v2(
                "bedrock-endpoints:nobody-is-notified",
                "Alarms notify nobody: set `alarms.email` or `alarms.topicArn` of the stage in cdk.json",
            )

    def _email_topic(self, email: str) -> sns.Topic:
        topic = sns.Topic(self, "Topic", enforce_ssl=True)
        # A custom topic policy replaces the default one, which allows CloudWatch to publish.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sns:Publish"],
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        topic.add_subscription(subscriptions.EmailSubscription(email))
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
        key = "CloudWatch cannot use AWS's key for SNS, and messages contain an alarm's name and state only"
        acknowledge(
            topic,
            {
                "Serverless-SNSRedrivePolicy": "An alarm whose e-mail fails still shows in CloudWatch",
                **compliance_findings({"SNSEncryptedKMS": key}),
            },
        )
        return topic
