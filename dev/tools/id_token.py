"""`python -m dev.tools.id_token --stage STAGE USE_CASE USERNAME`: prints an ID token of a stage with Cognito `auth`.

Only the token goes to standard output, so `ID_TOKEN=$(make token ...)` works. Signing in this way requires the
permission cognito-idp:AdminInitiateAuth in addition to the user's password and second factor.
"""

import argparse
import getpass
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from dev.local.paths import ROOT, Paths
from dev.tools.destroy import outputs_file
from dev.tools.doctor import aws_target, read_context
from dev.tools.findings import CALL_ERRORS, one_line
from lambda_src.registry import USE_CASES
from stacks.config import StageSettings
from stacks.loading import ConfigError

# Asks for a value: `ask(prompt, secret)`.
Ask = Callable[[str, bool], str]


class TokenError(Exception):
    """There is no token. The message says why and what to do."""


def sign_in(cognito: Any, pool: str, client: str, username: str, ask: Ask, show: Callable[[str], None]) -> str:
    """An ID token. Answers the pool's challenges: a new password, an authenticator app, its code."""
    ids = {"UserPoolId": pool, "ClientId": client}
    answer = cognito.admin_initiate_auth(
        **ids,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": username, "PASSWORD": ask("Password: ", True)},
    )
    while challenge := answer.get("ChallengeName"):
        # Cognito asks for its own name of the user.
        responses = {"USERNAME": answer.get("ChallengeParameters", {}).get("USER_ID_FOR_SRP", username)}
        session = answer["Session"]
        if challenge == "NEW_PASSWORD_REQUIRED":
            responses["NEW_PASSWORD"] = ask("New password (12 characters or more, of all kinds): ", True)
        elif challenge == "MFA_SETUP":
            session = _set_up_app(cognito, session, username, ask, show)
        elif challenge == "SOFTWARE_TOKEN_MFA":
            responses["SOFTWARE_TOKEN_MFA_CODE"] = ask("Code of the authenticator app: ", False)
        else:
            raise TokenError(f"the pool asks for {challenge}, which this command does not support")
        answer = cognito.admin_respond_to_auth_challenge(
            **ids, ChallengeName=challenge, ChallengeResponses=responses, Session=session
        )
    return str(answer["AuthenticationResult"]["IdToken"])


def _set_up_app(cognito: Any, session: str, username: str, ask: Ask, show: Callable[[str], None]) -> str:
    """Registers an authenticator app at the first sign-in. Returns the session to continue with."""
    secret = cognito.associate_software_token(Session=session)
    show(f"Add this key to an authenticator app: {secret['SecretCode']}")
    show(f"or this link: otpauth://totp/{quote(f'bedrock-endpoints:{username}')}?secret={secret['SecretCode']}")
    verified = cognito.verify_software_token(
        Session=secret["Session"], UserCode=ask("Code of the authenticator app: ", False)
    )
    return str(verified["Session"])


def pool_of(outputs: Mapping[str, Mapping[str, str]], stack: str) -> tuple[str, str]:
    """The ids of the use case's pool and client. Raises `TokenError`."""
    values = outputs.get(stack, {})
    if "UserPoolId" not in values:
        raise TokenError(f"{stack} has no user pool of its own: deploy it with `auth` cognito, without `userPoolArn`")
    return values["UserPoolId"], values["UserPoolClientId"]


def _ask(prompt: str, secret: bool) -> str:
    if not sys.stdin.isatty():
        raise TokenError("there is no terminal to ask at")
    print(prompt, end="", file=sys.stderr, flush=True)
    return getpass.getpass("", stream=sys.stderr) if secret else input().strip()


def _show(text: str) -> None:
    print(text, file=sys.stderr)


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m dev.tools.id_token", description="Prints a Cognito ID token.")
    parser.add_argument("--stage", required=True)
    parser.add_argument("use_case", choices=[use_case.id for use_case in USE_CASES])
    parser.add_argument("username", help="the user's e-mail address")
    options = parser.parse_args()
    paths = Paths(ROOT)
    try:
        stages = read_context(paths.root).get("stages", {})
        settings = StageSettings(name=options.stage, region=stages.get(options.stage, {}).get("region"))
        outputs = json.loads(outputs_file(paths, options.stage).read_text("utf-8"))
        pool, client = pool_of(outputs, settings.stack_name(options.use_case))
        print(sign_in(aws_target(settings).client("cognito-idp"), pool, client, options.username, _ask, _show))
    except FileNotFoundError as error:
        print(f"error: {error.filename} is missing; `make deploy STAGE={options.stage}` writes it", file=sys.stderr)
        return 1
    except (TokenError, ConfigError, *CALL_ERRORS) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
