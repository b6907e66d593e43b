"""`python -m dev.tools.docs`: writes the parts of the documentation that are derived from the registry.

A generated part is between `<!-- name -->` and `<!-- /name -->`.
"""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, get_args

import msgspec

from dev.credit_model.acceptance import markdown
from lambda_src.credit_risk.sample_models import Name, read
from lambda_src.credit_risk.validation import decode
from lambda_src.registry import USE_CASES, ModelSetting, UseCase
from lambda_src.shared.catalog import resolve
from stacks.config import (
    DEFAULT_POLICIES,
    FilterStrength,
    Models,
    PersonalDataAction,
    PersonalDataType,
    StageSettings,
)
from stacks.geography import REGIONS
from stacks.loading import ConfigError, load_stage

ROOT = Path(__file__).parents[2]


def use_cases_table(use_cases: Sequence[UseCase] = USE_CASES) -> str:
    """A Markdown table of the use cases, their routes and default models, without those that a setting turns on."""
    rows = ["| use case | routes | default models |", "|---|---|---|"]
    for use_case in use_cases:
        routes: dict[str, list[str]] = {}
        for route in use_case.routes:
            routes.setdefault(route.path, []).append(route.method)
        cells = ", ".join(f"`{' '.join(methods)} {path}`" for path, methods in routes.items())
        always = [setting for setting in use_case.models if setting.option is None]
        models = [resolve(ids[0]).model.name for setting in always for ids in setting.defaults]
        rows.append(f"| {use_case.title} | {cells} | {', '.join(models) or 'none'} |")
    return "\n".join(rows)


def architecture_diagram(use_cases: Sequence[UseCase] = USE_CASES) -> str:
    """A Mermaid flowchart: callers, one API per use case, and the services behind them."""
    lines = [
        "```mermaid",
        "flowchart LR",
        '    caller["Callers: curl, Python client, LangChain, web UI"]',
        "    subgraph account[AWS account]",
        "        direction LR",
        "        subgraph apis[One stack per use case: API Gateway, Lambda, DynamoDB]",
        *(f'            {use_case.name}["{use_case.title}"]' for use_case in use_cases),
        "        end",
        '        lifecycle["Model lifecycle: weekly check, alarms"]',
        '        guardrail["Bedrock guardrail"]',
        '        models["Bedrock models"]',
        '        search["OpenSearch Serverless"]',
        '        files["S3: images, photos, documents, scorecards"]',
        '        queue["SQS: ingestion, conversation upkeep"]',
        "    end",
        "    caller -- HTTPS, SigV4 or token --> apis",
    ]
    for use_case in use_cases:
        if use_case.models:
            optional = all(setting.option for setting in use_case.models)
            lines.append(f"    {use_case.name} {'-.->' if optional else '-->'} models")
    lines += [
        "    models -.- guardrail",
        "    hr_qa --> search & files & queue",
        "    chatbot --> files & queue",
        "    image_generation --> files",
        "    summarization --> files",
        "    credit_risk --> files",
        "    lifecycle --> models",
        "```",
    ]
    return "\n".join(lines)


def default_models_table(use_cases: Sequence[UseCase] = USE_CASES) -> str:
    """A Markdown table of the settings under `models`, their purpose, count and defaults."""
    rows = ["| `models` | purpose | how many | default |", "|---|---|---|---|"]
    names = {field.name: field.encode_name for field in msgspec.structs.fields(Models)}
    for use_case in use_cases:
        for setting in use_case.models:
            models = "; ".join(", else ".join(map(_model_name, ids)) for ids in setting.defaults) or "none"
            purpose: str = setting.purpose
            if setting.option:
                purpose += f", with `{use_case.setting}.{setting.option}`"
            rows.append(f"| `{names[setting.name]}` | {purpose} | {_count(setting)} | {models} |")
    return "\n".join(rows)


def regions_table(use_cases: Sequence[UseCase] = USE_CASES) -> str:
    """A Markdown table of a plain stage's use cases by region, with their default models."""
    titles = [use_case.title for use_case in use_cases]
    rows = [f"| region | {' | '.join(titles)} |", "|---" * (len(titles) + 1) + "|"]
    for region, name in sorted(REGIONS.items()):
        try:
            settings = load_stage({"plain": {"region": region}}, "plain", today=date.today())
        except ConfigError:
            rows.append(f"| `{region}` {name} |" + " - |" * len(titles))
            continue
        cells = [_default_model(use_case, settings) for use_case in use_cases]
        rows.append(f"| `{region}` {name} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _default_model(use_case: UseCase, settings: StageSettings) -> str:
    if use_case not in settings.chosen_use_cases:
        return "-"
    models = settings.models_for(use_case.name)
    if not models:
        return "yes"
    invocation = resolve(models[0])
    return f"{f'`{invocation.profile}.` ' if invocation.profile else ''}{invocation.model.name}"


def _model_name(model_id: str) -> str:
    return resolve(model_id).model.name


def guardrail_policies_table() -> str:
    """A Markdown table of the names under a guardrail's policies, their values and defaults."""
    data = DEFAULT_POLICIES.personal_data
    data_types = [f"{name} ({data[name]})" if name in data else name for name in get_args(PersonalDataType)]
    filters = [f"{name} ({strength})" for name, strength in DEFAULT_POLICIES.filters.items()]
    return "\n".join(
        [
            "| policy | values | names, with their default |",
            "|---|---|---|",
            f"| `personalData` | {_values(PersonalDataAction)} | {', '.join(data_types)}; the others `allow` |",
            f"| `filters` | {_values(FilterStrength)} | {', '.join(filters)} |",
        ]
    )


def _values(choice: Any) -> str:
    return ", ".join(f"`{value}`" for value in get_args(choice))


def _count(setting: ModelSetting) -> str:
    if setting.maximum is None:
        return f"{setting.minimum} or more"
    if setting.minimum == setting.maximum:
        return str(setting.minimum)
    return f"{setting.minimum} to {setting.maximum}"


def credit_risk_figures_table() -> str:
    """A Markdown table of the sample credit risk models' figures by set of loans."""
    return markdown({name: decode(read(name)) for name in get_args(Name)})


PARTS: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "README.md": {"use-cases": use_cases_table},
    "docs/explanation/architecture.md": {"diagram": architecture_diagram},
    "docs/explanation/credit-risk.md": {"sample-figures": credit_risk_figures_table},
    "docs/regions.md": {"regions": regions_table},
    "docs/reference/settings.md": {
        "models": default_models_table,
        "guardrail-policies": guardrail_policies_table,
    },
}


def rendered(page: str, text: str) -> str:
    """A page's text with its generated parts up to date. Raises `ValueError` when a part's markers are missing."""
    for name, render in PARTS[page].items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text, count = pattern.subn(lambda match: match[1] + render() + "\n" + match[2], text)  # noqa: B023 (used at once)
        if count != 1:
            raise ValueError(f"{page}: the markers of `{name}` are missing")
    return text


def main() -> int:
    """Rewrites every page that has a generated part."""
    for page in PARTS:
        path = ROOT / page
        path.write_text(rendered(page, path.read_text("utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
