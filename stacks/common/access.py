"""Who may call an API: IAM principals, or the users of a Cognito pool."""

from aws_cdk import CfnOutput, Duration
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from stacks.common.use_case_stack import UseCaseStack
from stacks.common.user_pool import new_user_pool


class Access(Construct):
    """The stage's authorization, as options of every API method."""

    def __init__(self, scope: UseCaseStack, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self._settings = scope.settings
        self.authorizer: apigateway.IAuthorizer | None = None
        if self._settings.auth.type == "cognito":
            self.authorizer = apigateway.CognitoUserPoolsAuthorizer(
                self, "Authorizer", cognito_user_pools=[self._user_pool()]
            )

    @property
    def authorization_type(self) -> apigateway.AuthorizationType:
        """What callers must send: a signature, or an ID token of the pool."""
        return apigateway.AuthorizationType.COGNITO if self.authorizer else apigateway.AuthorizationType.IAM

    def _user_pool(self) -> cognito.IUserPool:
        if self._settings.auth.user_pool_arn:
            return cognito.UserPool.from_user_pool_arn(self, "UserPool", self._settings.auth.user_pool_arn)
        pool = new_user_pool(self, "UserPool", self._settings, elsewhere="use a pool that has it, as userPoolArn")
        client = pool.add_client(
            "Client",
            # Administrators may sign in with a password, too (`make token`): it takes their IAM permission, and the
            # user's second factor.
            auth_flows=cognito.AuthFlow(user_srp=True, admin_user_password=True),
            # The pool has no sign-in page. CDK's default would be the implicit flow, and a scope to change users.
            disable_o_auth=True,
            prevent_user_existence_errors=True,
            id_token_validity=Duration.hours(1),
        )
        for name, value in (("UserPoolId", pool.user_pool_id), ("UserPoolClientId", client.user_pool_client_id)):
            CfnOutput(self, name, value=value).override_logical_id(name)
        return pool
