"""The dashboard of a stage: requests, models, cost, functions and queues of all its use cases."""

from collections.abc import Sequence
from datetime import date

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from lambda_src.registry import ACCESS, USAGE, UseCase
from stacks.common.alarms import PERIOD
from stacks.common.audit import audit_group_name
from stacks.common.usage import budgets_table_name, usage_table_name
from stacks.common.use_case_api import api_name
from stacks.common.use_case_stack import UseCaseStack, kebab
from stacks.config import StageSettings

NAMESPACE = "BedrockEndpoints"
_DAY = Duration.days(1)
# Of a row with three and with four graphs, of the grid's 24 columns.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
_THIRD, _QUARTER = 8, 6
_HR_QA_COUNTS = (
    ("Answers", ("Answered", "Unanswered", "Claims", "UnsupportedClaims", "HelpfulAnswers", "UnhelpfulAnswers")),
    ("Documents", ("DocumentsReady", "PagesRead", "ChunksStored", "DocumentsToReadAgain", "SourceObjectsIgnored")),
)
_CREDIT_RISK_COUNTS = ("Scores", "ShadowScoresMissed", "BatchRows", "BatchRowsRejected", "ModelsTrained")
_LIFECYCLE = ("ModelsNearEnd", "ModelsEnding", "ModelsNotAsked")
_HEALTH = ("ScorePsi", "CharacteristicPsi", "CalibrationDeviation")
_RATES = ("ApprovalRate", "MeanProbabilityOfDefault")

Row = Sequence[cloudwatch.IWidget]


class DashboardStack(UseCaseStack):
    """One dashboard, `bedrock-endpoints-<stage>`.

    Metrics are found by the names of APIs and tables, which are the stage's, and by searches where CloudFormation
    chooses the name (functions, queues) or a model is a dimension: a reference would tie the other stacks to this one.
    """

    def __init__(self, scope: Construct, *, settings: StageSettings, today: date) -> None:
        super().__init__(scope, "dashboard", settings=settings, today=today)
        rows = [self._stage_row(), self._functions_row()]
        for use_case in settings.chosen_use_cases:
            rows += [_heading(use_case), *self._use_case_rows(use_case)]
        if settings.auth.api_keys:
            rows += [_heading(ACCESS), [*self._api_graphs(ACCESS.name, tokens=False), self._credentials()]]
        if settings.records_usage:
            rows += [_heading(USAGE), [*self._api_graphs(USAGE.name), *self._usage_tables()]]
        cloudwatch.Dashboard(
            self,
            "Resource",
            dashboard_name=f"bedrock-endpoints-{settings.name}",
            default_interval=_DAY,
            widgets=[list(row) for row in rows],
        )

    def _stage_row(self) -> Row:
        """What the stage costs and writes, and its models' ends."""
        row = []
        if self.settings.all_models:
            stage, label = {"stage": self.settings.name}, _label("service", "model")
            cost = _search(("model", "service", "stage"), "EstimatedCost", stage, label=label, period=_DAY)
            row = [
                _graph("Estimated cost by use case and model, USD per day", [cost], stacked=True),
                _graph("Models near their end", [self._own("model_lifecycle", name) for name in _LIFECYCLE]),
            ]
        if self.settings.audit:
            dimensions = {"LogGroupName": audit_group_name(self.settings)}
            names = ("IncomingLogEvents", "IncomingBytes")
            events, size = (_metric("AWS/Logs", name, dimensions) for name in names)
            row.append(_graph("Audit trail", [events], right=[size]))
        return row

    def _functions_row(self) -> Row:
        """Those of all stacks: a search by use case would miss long names, which CloudFormation cuts."""
        graphs = (
            ("Function errors", "AWS/Lambda", "FunctionName", "Errors", "Sum"),
            ("Function throttles", "AWS/Lambda", "FunctionName", "Throttles", "Sum"),
            ("Function duration, p99, ms", "AWS/Lambda", "FunctionName", "Duration", "p99"),
            ("Queues, and dead letters", "AWS/SQS", "QueueName", "ApproximateNumberOfMessagesVisible", "Maximum"),
            ("Age of the oldest message, s", "AWS/SQS", "QueueName", "ApproximateAgeOfOldestMessage", "Maximum"),
        )
        words = ("bedrock", "endpoints", *self.settings.name.split("-"))
        return [
            _graph(title, [_search_words(namespace, dimension, name, words, statistic)])
            for title, namespace, dimension, name, statistic in graphs
        ]

    def _use_case_rows(self, use_case: UseCase) -> list[Row]:
        rows: list[Row] = [self._api_graphs(use_case.name)]
        if self.settings.models_for(use_case.name):
            rows[0] = [*rows[0], *self._model_graphs(use_case.name)]
        if use_case.name == "hr_qa":
            rows.append([self._counts(title, use_case.name, names) for title, names in _HR_QA_COUNTS])
        if use_case.name == "credit_risk":
            health = [self._own(use_case.name, name, role="champion") for name in _HEALTH]
            rates = [self._own(use_case.name, name, role="champion") for name in _RATES]
            rows.append(
                [
                    self._counts("Scores and batches", use_case.name, _CREDIT_RISK_COUNTS),
                    _graph("Health of the champion, once a day", health),
                    _graph("Approvals and predicted defaults of the champion", rates),
                ]
            )
        return rows

    def _api_graphs(self, use_case: str, *, tokens: bool = True) -> list[cloudwatch.IWidget]:
        """Those of its API, and of that for tokens and keys if there is one."""
        kinds = (False, True) if tokens and self.settings.auth.accepts_tokens else (False,)
        counts, times = [], []
        for kind in kinds:
            suffix = " (tokens)" if kind else ""
            dimensions = {"ApiName": api_name(self.settings.stack_name(use_case), tokens=kind)}
            for name in ("Count", "4XXError", "5XXError"):
                counts.append(_metric("AWS/ApiGateway", name, dimensions, label=f"{name}{suffix}"))
            for statistic in ("p50", "p99"):
                label = f"{statistic}{suffix}"
                times.append(_metric("AWS/ApiGateway", "Latency", dimensions, statistic=statistic, label=label))
        return [_graph("Requests", counts, width=_QUARTER), _graph("Latency, ms", times, width=_QUARTER)]

    def _model_graphs(self, use_case: str) -> list[cloudwatch.IWidget]:
        named = {"service": kebab(use_case), "stage": self.settings.name}

        def by_model(*names: str) -> list[cloudwatch.IMetric]:
            return [
                _search(("model", "service", "stage"), name, named, label=f"{name} {_label('model')}") for name in names
            ]

        return [
            _graph("Model calls, and fallbacks", by_model("ModelCalls", "ModelFallbacks"), width=_QUARTER),
            _graph("Tokens", by_model("InputTokens", "OutputTokens"), width=_QUARTER),
        ]

    def _credentials(self) -> cloudwatch.IWidget:
        return self._counts("Credentials", ACCESS.name, ("CredentialsRejected", "CredentialsUnchecked"))

    def _usage_tables(self) -> list[cloudwatch.IWidget]:
        """Throttled writes of budgets' items refuse requests, see docs/how-to/budgets.md."""
        tables = [usage_table_name(self.settings)]
        if self.settings.budgets:
            tables.append(budgets_table_name(self.settings))
        names = ("ConsumedWriteCapacityUnits", "WriteThrottleEvents")
        written = [
            _metric("AWS/DynamoDB", name, {"TableName": table}, label=f"{name} {table.rpartition('-')[2]}")
            for table in tables
            for name in names
        ]
        return [_graph("Writes of usage and budgets", written)]

    def _counts(self, title: str, use_case: str, names: Sequence[str]) -> cloudwatch.IWidget:
        return _graph(title, [self._own(use_case, name, statistic="Sum", period=PERIOD) for name in names])

    def _own(
        self, use_case: str, name: str, *, statistic: str = "Maximum", period: Duration = _DAY, **more: str
    ) -> cloudwatch.Metric:
        """A metric of the functions; by default, one that is put at most once a day."""
        dimensions = {"service": kebab(use_case), "stage": self.settings.name, **more}
        return _metric(NAMESPACE, name, dimensions, statistic=statistic, period=period)


def _heading(use_case: UseCase) -> Row:
    return [cloudwatch.TextWidget(markdown=f"## {use_case.title}", width=24, height=1)]


def _graph(
    title: str,
    left: Sequence[cloudwatch.IMetric],
    *,
    right: Sequence[cloudwatch.IMetric] = (),
    width: int = _THIRD,
    stacked: bool = False,
) -> cloudwatch.IWidget:
    return cloudwatch.GraphWidget(title=title, left=list(left), right=list(right), width=width, stacked=stacked)


def _metric(
    namespace: str,
    name: str,
    dimensions: dict[str, str],
    *,
    statistic: str = "Sum",
    period: Duration = PERIOD,
    label: str | None = None,
) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map=dimensions,
        statistic=statistic,
        period=period,
        label=label or name,
    )


def _search(
    schema: Sequence[str], name: str, dimensions: dict[str, str], *, label: str, period: Duration = PERIOD
) -> cloudwatch.SearchExpression:
    """The sums of all metrics of the functions with these dimensions, `schema`, and values of some of them.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
    """
    values = "".join(f' AND {dimension}="{value}"' for dimension, value in dimensions.items())
    return _expression(f'{{{NAMESPACE},{",".join(schema)}}} MetricName="{name}"{values}', "Sum", period, label)


def _search_words(
    namespace: str, dimension: str, name: str, words: Sequence[str], statistic: str
) -> cloudwatch.SearchExpression:
    """The metrics of resources whose name has these words."""
    terms = "".join(f" AND {word}" for word in words)
    return _expression(f'{{{namespace},{dimension}}} MetricName="{name}"{terms}', statistic, PERIOD, _label(dimension))


def _expression(search: str, statistic: str, period: Duration, label: str) -> cloudwatch.SearchExpression:
    seconds = int(period.to_seconds())
    expression = f"SEARCH('{search}', '{statistic}', {seconds})"
    return cloudwatch.SearchExpression(expression=expression, period=period, label=label)


def _label(*dimensions: str) -> str:
    """What the legend shows of each metric that a search finds: the values of dimensions.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/graph-dynamic-labels.html
    """
    return " ".join(f"${{PROP('Dim.{dimension}')}}" for dimension in dimensions)
