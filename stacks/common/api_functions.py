"""The functions behind a use case's API: one for plain routes, and one for streams."""

from collections.abc import Mapping, Sequence

from aws_cdk import aws_iam as iam

from lambda_src.shared.routes import Route
from stacks.common.alarms import Alarms
from stacks.common.guardrail import Guardrail
from stacks.common.model_access import ModelAccess
from stacks.common.python_function import ApiFunction, PythonFunction, StreamFunction
from stacks.common.use_case_api import add_apis
from stacks.common.use_case_stack import UseCaseStack


class ApiFunctions:
    """The functions behind one route table and the API in front of them, with access to the use case's models.

    With the web adapter, streams have a separate function: the adapter would slow down the start of the other routes,
    and streams may last longer. Without it, one function serves everything and sends all events at once.
    """

    def __init__(
        self,
        scope: UseCaseStack,
        *,
        routes: Sequence[Route],
        services: tuple[str, ...],
        environment: Mapping[str, str],
        alarms: Alarms,
        guardrail: Guardrail | None,
        converse_in_streams: bool = False,
    ) -> None:
        """`converse_in_streams`: whether streaming requests also call a model without streaming."""
        function = ApiFunction(scope, "Function", services=services, environment=environment, alarms=alarms)
        streams = any(route.stream for route in routes)
        self.functions: list[PythonFunction] = [function]
        if streams and scope.settings.streaming.adapter:
            self.functions.append(
                StreamFunction(scope, "Stream", services=services, environment=environment, alarms=alarms)
            )
        models = ModelAccess(scope, guardrail=guardrail)
        models.grant(function.role, streams=streams and len(self.functions) == 1)
        for stream in self.functions[1:]:
            models.grant(stream.role, plain=converse_in_streams, streams=True)
        add_apis(
            scope,
            routes=routes,
            function=function.function,
            stream_function=self.functions[-1].function if len(self.functions) > 1 else None,
            alarms=alarms,
        )

    @property
    def roles(self) -> list[iam.Role]:
        """All functions do the same work, so their other permissions are the same too."""
        return [function.role for function in self.functions]
