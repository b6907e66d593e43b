"""AWS Lambda Web Adapter, the layer that lets a Python function stream its responses."""

# Version 1.1.0, in every region of the partition `aws`. Before 0.7.1, callers could set the header with the request's
# context themselves. https://github.com/awslabs/aws-lambda-web-adapter
_ACCOUNT, _VERSION = "753240598075", 30


def public_layer(partition: str, region: str, machine: str) -> str:
    """The ARN of AWS's public layer for a machine (`arm64`, `x86_64`)."""
    name = "LambdaAdapterLayerArm64" if machine == "arm64" else "LambdaAdapterLayerX86"
    return f"arn:{partition}:lambda:{region}:{_ACCOUNT}:layer:{name}:{_VERSION}"
