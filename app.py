"""The CDK application: a stage's settings become its stacks. Run by the CDK CLI (`cdk synth -c stage=dev`)."""

import sys
from datetime import date

from aws_cdk import App

from stacks.chatbot_stack import ChatbotStack
from stacks.common.checks import check_everything
from stacks.common.vector_store import floor_price
from stacks.config import ConfigError, StageSettings, load_stage
from stacks.embeddings_stack import EmbeddingsStack
from stacks.hr_qa_stack import HrQaStack
from stacks.image_generation_stack import ImageGenerationStack
from stacks.model_lifecycle_stack import ModelLifecycleStack
from stacks.playground_stack import PlaygroundStack
from stacks.summarization_stack import SummarizationStack
from stacks.ui_stack import UiStack
from stacks.ui_stack import floor_price as ui_floor_price


def add_stacks(app: App, settings: StageSettings, today: date) -> None:
    """Adds the stacks of one stage."""
    apis = [
        ImageGenerationStack(app, settings=settings, today=today),
        SummarizationStack(app, settings=settings, today=today),
        EmbeddingsStack(app, settings=settings, today=today),
        ChatbotStack(app, settings=settings, today=today),
        HrQaStack(app, settings=settings, today=today),
        PlaygroundStack(app, settings=settings, today=today),
    ]
    ModelLifecycleStack(app, settings=settings, today=today)
    if settings.ui.deployed:
        UiStack(app, settings=settings, today=today, apis=apis)
    check_everything(app)


def main() -> None:
    """Synthesizes the stage named in the context; `-c today=2026-12-31` asks what would be said on another day."""
    app = App()
    day = app.node.try_get_context("today")
    today = date.fromisoformat(day) if day else date.today()
    try:
        settings = load_stage(app.node.try_get_context("stages"), app.node.try_get_context("stage"), today=today)
    except ConfigError as error:
        sys.exit(str(error))
    # Said here because the CLI shows a stack's warnings and errors, but no mere information.
    sys.stderr.write(f"hr-qa {floor_price(settings.hr_qa.search)}\n")
    if settings.ui.deployed:
        sys.stderr.write(f"ui {ui_floor_price()}\n")
    add_stacks(app, settings, today)
    app.synth()


if __name__ == "__main__":
    main()
