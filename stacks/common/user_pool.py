"""A user pool with administrator-created accounts and multi-factor authentication."""

from aws_cdk import Duration
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from stacks.common.nag import acknowledge
from stacks.common.use_case_stack import removal_policy
from stacks.config import StageSettings


def new_user_pool(
    scope: Construct, construct_id: str, settings: StageSettings, *, elsewhere: str = ""
) -> cognito.UserPool:
    """A pool without self sign-up. `elsewhere` names the alternative for those who want the Plus plan's protection."""
    pool = cognito.UserPool(
        scope,
        construct_id,
        self_sign_up_enabled=False,
        sign_in_aliases=cognito.SignInAliases(email=True),
        password_policy=cognito.PasswordPolicy(
            min_length=12,
            require_digits=True,
            require_lowercase=True,
            require_uppercase=True,
            require_symbols=True,
            temp_password_validity=Duration.days(3),
        ),
        mfa=cognito.Mfa.REQUIRED,
        mfa_second_factor=cognito.MfaSecondFactor(sms=False, otp=True),
        account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
        removal_policy=removal_policy(settings),
        deletion_protection=settings.keeps_data,
    )
    reason = "; ".join(filter(None, ("The Plus plan costs more per user", elsewhere)))
    acknowledge(pool, {"AwsSolutions-COG8": reason})
    return pool
