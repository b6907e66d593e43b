"""The CDK application: turns a stage's settings into stacks. Run by the CDK CLI (`cdk synth -c stage=dev`)."""

import os
import sys
from datetime import date

from aws_cdk import App

from lambda_src.registry import RegistryError
from stacks.access_stack import AccessStack
from stacks.audit_stack import AuditStack
from stacks.caller_data_stack import CallerDataStack
from stacks.common.nag import check_everything
from stacks.common.vector_store import floor_price
from stacks.config import StageSettings
from stacks.dashboard_stack import DashboardStack
from stacks.loading import ConfigError, load_stage, with_overrides
from stacks.model_choice import data_flows, left_out
from stacks.model_lifecycle_stack import ModelLifecycleStack
from stacks.ui_stack import UiStack
from stacks.ui_stack import floor_price as ui_floor_price
from stacks.usage_stack import UsageStack


def add_stacks(app: App, settings: StageSettings, today: date) -> None:
    """Adds the stacks of one stage. Raises `RegistryError` when a use case is incomplete."""
    apis = [use_case.stack(app, settings=settings, today=today) for use_case in settings.chosen_use_cases]
    with_functions = list(apis)
    if settings.auth.accepts_tokens:
        access = AccessStack(app, settings=settings, today=today)
        with_functions.append(access)
        for api in apis:
            # Its gateway calls the authorizer.
            api.add_stack_dependency(access)
    if settings.records_usage:
        usage = UsageStack(app, settings=settings, today=today)
        with_functions.append(usage)
        for api in apis:
            # Its functions fail without the tables.
            api.add_stack_dependency(usage)
    if settings.caller_data:
        caller_data = CallerDataStack(app, settings=settings, today=today)
        with_functions.append(caller_data)
        for api in apis:
            # Its function erases and exports, and is found by its name.
            caller_data.add_stack_dependency(api)
    if settings.audit:
        audit = AuditStack(app, settings=settings, audit=settings.audit, today=today)
        for stack in with_functions:
            # Its functions refuse requests without the log group.
            stack.add_stack_dependency(audit)
    if settings.all_models:
        ModelLifecycleStack(app, settings=settings, today=today)
    if settings.dashboard:
        DashboardStack(app, settings=settings, today=today)
    if settings.ui.deployed:
        UiStack(app, settings=settings, today=today, apis=apis)
    check_everything(app)


def main() -> None:
    """Synthesizes the stage named in the context.

    `-c settings='{"logRetentionDays": 7}'` takes the place of settings in cdk.json; `-c today=2026-12-31` checks the
    models as of another day.
    """
    app = App()
    day = app.node.try_get_context("today")
    today = date.fromisoformat(day) if day else date.today()
    stages, name = app.node.try_get_context("stages"), app.node.try_get_context("stage")
    try:
        stages = with_overrides(stages, name, app.node.try_get_context("settings"))
        # The CDK CLI sets the variable from the caller's profile.
        settings = load_stage(stages, name, today=today, default_region=os.environ.get("CDK_DEFAULT_REGION"))
        add_stacks(app, settings, today)
    except (ConfigError, RegistryError) as error:
        sys.exit(str(error))
    # The CDK CLI shows a stack's warnings and errors, but not its information messages.
    for line in (*left_out(stages[name], settings), *data_flows(settings)):
        sys.stderr.write(f"{line}\n")
    if "hrQa" in (settings.use_cases or ("hrQa",)):
        sys.stderr.write(f"hr-qa {floor_price(settings.hr_qa.search)}\n")
    if settings.ui.deployed:
        sys.stderr.write(f"ui {ui_floor_price()}\n")
    app.synth()


if __name__ == "__main__":
    main()
