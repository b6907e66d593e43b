"""An application inference profile for one model of one use case, whose tags split Bedrock's bill."""

import hashlib

from aws_cdk import Aws, Stack, Tags
from aws_cdk import aws_bedrock as bedrock

from lambda_src.shared.catalog import resolve
from stacks.common.arns import model_arn, profile_arn

MAX_NAME = 64


def cost_profile(stack: Stack, invocation_id: str) -> str:
    """Creates the profile. Returns its ARN.

    The model is part of the name: a profile cannot be changed, and its replacement needs another name.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-bedrock-applicationinferenceprofile.html
    """
    invocation = resolve(invocation_id)
    digest = hashlib.sha256(invocation_id.encode()).hexdigest()[:8]
    source = (
        profile_arn(Aws.REGION, invocation_id) if invocation.profile else model_arn(Aws.REGION, invocation.model.id)
    )
    profile = bedrock.CfnApplicationInferenceProfile(
        stack,
        f"CostProfile{digest}",
        inference_profile_name=f"{stack.stack_name[: MAX_NAME - 9]}-{digest}",
        description=f"Calls of {invocation_id}"[:200],
        model_source={"copyFrom": source},
    )
    # In addition to the stack's tags, which split the bill by use case and stage.
    Tags.of(profile).add("model", invocation_id)
    return profile.attr_inference_profile_arn
