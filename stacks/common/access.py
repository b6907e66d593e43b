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
            auth_flows=cognito.AuthFlow(user_srp=True),
            prevent_user_existence_errors=True,
            id_token_validity=Duration.hours(1),
        )
        CfnOutput(self, "UserPoolId", value=pool.user_pool_id)
        CfnOutput(self, "UserPoolClientId", value=client.user_pool_client_id)
        return pool
