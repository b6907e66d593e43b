"""Alarms, and where they are sent."""

from aws_cdk import Aws, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from stacks.common.nag import acknowledge
from stacks.config import AlarmSettings

PERIOD = Duration.minutes(5)


class Alarms(Construct):
    """Makes alarms that go to the stage's topic or e-mail address; without either they show in CloudWatch only."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: AlarmSettings) -> None:
        super().__init__(scope, construct_id)
        self._topic: sns.ITopic | None = None
        if settings.topic_arn:
            self._topic = sns.Topic.from_topic_arn(self, "Topic", settings.topic_arn)
        elif settings.email:
            self._topic = self._mail_topic(settings.email)

    def add(
        self,
        construct_id: str,
        metric: cloudwatch.IMetric,
        *,
        threshold: float,
        periods: int,
        says: str,
        datapoints: int | None = None,
    ) -> None:
        """An alarm for a metric that is at or above the threshold in so many periods one after the other.

        With `datapoints` so many of them suffice.
        """
        alarm = cloudwatch.Alarm(
            self,
            construct_id,
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            datapoints_to_alarm=datapoints,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            # Nobody called: nothing is wrong.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=says,
        )
        if self._topic:
            alarm.add_alarm_action(actions.SnsAction(self._topic))

    def _mail_topic(self, email: str) -> sns.Topic:
        topic = sns.Topic(self, "Topic", enforce_ssl=True)
        # A topic policy of one's own replaces the default one, by which CloudWatch could publish.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sns:Publish"],
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        topic.add_subscription(subscriptions.EmailSubscription(email))
        acknowledge(
            topic, {"Serverless-SNSRedrivePolicy": "An alarm that could not be mailed still shows in CloudWatch"}
        )
        return topic
