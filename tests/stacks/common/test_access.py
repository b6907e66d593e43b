from collections.abc import Callable

from tests.stacks.assemblies import Assembly


def test_a_new_pool_has_mfa_and_no_self_registration(assembly_of: Callable[[str], Assembly]) -> None:
    template = assembly_of("browser").template("embeddings")
    pool = template.only("AWS::Cognito::UserPool")

    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert pool["MfaConfiguration"] == "ON"
    assert pool["Policies"]["PasswordPolicy"]["MinimumLength"] >= 12
    assert {"UserPoolId", "UserPoolClientId"} <= template.content["Outputs"].keys()


def test_an_existing_pool_authorizes(assembly_of: Callable[[str], Assembly]) -> None:
    template = assembly_of("shared").template("embeddings")

    assert template.resources("AWS::Cognito::UserPool") == {}
    assert template.only("AWS::ApiGateway::Authorizer")["ProviderARNs"] == [
        "arn:aws:cognito-idp:us-west-2:111122223333:userpool/us-west-2_a"
    ]


def test_the_pools_client_has_no_oauth_and_no_plain_password_flow(assembly_of: Callable[[str], Assembly]) -> None:
    client = assembly_of("browser").template("embeddings").only("AWS::Cognito::UserPoolClient")

    assert client["AllowedOAuthFlowsUserPoolClient"] is False
    assert not client.keys() & {"AllowedOAuthFlows", "AllowedOAuthScopes", "CallbackURLs"}
    assert set(client["ExplicitAuthFlows"]) == {
        "ALLOW_USER_SRP_AUTH",
        # With an administrator's IAM permission.
        "ALLOW_ADMIN_USER_PASSWORD_AUTH",
        "ALLOW_REFRESH_TOKEN_AUTH",
    }
