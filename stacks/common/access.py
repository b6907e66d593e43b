"""Who may call an API: IAM principals, the users of a Cognito pool, or those whom the stage's authorizer knows."""

from aws_cdk import ArnFormat, CfnOutput, Duration, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.common.use_case_stack import UseCaseStack
from stacks.common.user_pool import new_user_pool
from stacks.config import StageSettings

# How long the gateway uses an answer of the authorizer: a revoked key works that long, and a token after its end.
AUTHORIZER_CACHE = Duration.seconds(30)


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


class TokenAccess(Construct):
    """Authorization by the stage's authorizer, a function of another stack, which is deployed before."""

    def __init__(self, scope: UseCaseStack, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        # Found by its name: a reference would not let the other stack replace or delete it.
        arn = Stack.of(self).format_arn(
            service="lambda",
            resource="function",
            resource_name=authorizer_name(scope.settings),
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        function = lambda_.Function.from_function_attributes(self, "Function", function_arn=arn, same_environment=True)
        self.authorizer: apigateway.IAuthorizer = apigateway.RequestAuthorizer(
            self,
            "Authorizer",
            handler=function,
            identity_sources=[apigateway.IdentitySource.header("Authorization")],
            results_cache_ttl=AUTHORIZER_CACHE,
        )

    @property
    def authorization_type(self) -> apigateway.AuthorizationType:
        """What callers must send: a bearer token."""
        return apigateway.AuthorizationType.CUSTOM


def authorizer_name(settings: StageSettings) -> str:
    """The name of the stage's authorizer function."""
    return f"bedrock-endpoints-{settings.name}-authorizer"
