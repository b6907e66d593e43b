"""What a deployed stack's functions know: their environments."""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from dev.tools.findings import Target, error_code


def function_variables(target: Target, stack: str) -> Iterator[dict[str, str]]:
    """The environment variables of each function of a stack, in the stack's order; none if it is not deployed."""
    try:
        pages = target.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
        resources = [resource for page in pages for resource in page["StackResourceSummaries"]]
    except ClientError as error:
        if error_code(error) == "ValidationError":
            return
        raise
    functions = target.client("lambda")
    for resource in resources:
        if resource["ResourceType"] == "AWS::Lambda::Function":
            configuration = functions.get_function_configuration(FunctionName=resource["PhysicalResourceId"])
            yield configuration.get("Environment", {}).get("Variables", {})
