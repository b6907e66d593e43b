"""ARNs of Bedrock's models and inference profiles in the stack's partition and account."""

from aws_cdk import Aws


def model_arn(region: str, model_id: str) -> str:
    """A foundation model; `region` is empty for the destinations of a global profile."""
    return f"arn:{Aws.PARTITION}:bedrock:{region}::foundation-model/{model_id}"


def profile_arn(region: str, profile_id: str) -> str:
    """A profile of AWS, such as `eu.amazon.nova-lite-v1:0`, as called from the region."""
    return f"arn:{Aws.PARTITION}:bedrock:{region}:{Aws.ACCOUNT_ID}:inference-profile/{profile_id}"
