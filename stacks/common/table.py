"""A use case's table: its data, and the stored responses for idempotent replays."""

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.common.use_case_stack import UseCaseStack, removal_policy
from stacks.config import StageSettings

_ACTIONS = (
    *("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:Query"),
    # In transactions.
    "dynamodb:ConditionCheckItem",
)


class Table(Construct):
    """Keys `pk` and `sk`; items with `expiresAt` (seconds since 1970) expire. Billed on demand, recoverable."""

    def __init__(
        self, scope: UseCaseStack, construct_id: str, *, settings: StageSettings, name: str | None = None
    ) -> None:
        """`name`: of a table that other stacks find by it; otherwise CloudFormation names it.

        With the setting `existingData`, the stack uses that table and has none of its own.
        """
        super().__init__(scope, construct_id)
        existing = settings.existing_table(scope.use_case)
        self._table: dynamodb.ITable = (
            dynamodb.Table.from_table_name(self, "Resource", existing) if existing else self._new_table(settings, name)
        )

    def _new_table(self, settings: StageSettings, name: str | None) -> dynamodb.Table:
        return dynamodb.Table(
            self,
            "Resource",
            table_name=name,
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            time_to_live_attribute="expiresAt",
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            removal_policy=removal_policy(settings),
            deletion_protection=settings.keeps_data,
        )

    @property
    def environment(self) -> dict[str, str]:
        """The function's environment variable with the table's name."""
        return {"TABLE_NAME": self._table.table_name}

    def grant_get(self, role: iam.Role) -> None:
        """Lets the role read items that it knows the keys of."""
        role.add_to_policy(iam.PolicyStatement(actions=["dynamodb:GetItem"], resources=[self._table.table_arn]))

    def grant_read(self, role: iam.Role) -> None:
        """Lets the role read and query items."""
        actions = ["dynamodb:GetItem", "dynamodb:Query"]
        role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[self._table.table_arn]))

    def grant_put(self, role: iam.Role) -> None:
        """Lets the role write whole items."""
        role.add_to_policy(iam.PolicyStatement(actions=["dynamodb:PutItem"], resources=[self._table.table_arn]))

    def grant_batch_read(self, role: iam.Role) -> None:
        """Lets the role read many items at once."""
        role.add_to_policy(iam.PolicyStatement(actions=["dynamodb:BatchGetItem"], resources=[self._table.table_arn]))

    def grant_batch_write(self, role: iam.Role) -> None:
        """Lets the role write and delete many items at once."""
        role.add_to_policy(iam.PolicyStatement(actions=["dynamodb:BatchWriteItem"], resources=[self._table.table_arn]))

    def grant_erase(self, role: iam.Role) -> None:
        """Lets the role find, change and delete items, one at a time."""
        actions = [action for action in _ACTIONS if action != "dynamodb:ConditionCheckItem"]
        role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[self._table.table_arn]))

    def grant_scan(self, role: iam.Role) -> None:
        """Lets the role read all items."""
        role.add_to_policy(iam.PolicyStatement(actions=["dynamodb:Scan"], resources=[self._table.table_arn]))

    def grant_use(self, grantee: iam.IGrantable, *, batches: bool = False) -> None:
        """Lets the grantee read, query and write items; with `batches`, delete in batches. No scans."""
        actions = (*_ACTIONS, "dynamodb:BatchWriteItem") if batches else _ACTIONS
        grantee.grant_principal.add_to_principal_policy(
            iam.PolicyStatement(actions=list(actions), resources=[self._table.table_arn])
        )
