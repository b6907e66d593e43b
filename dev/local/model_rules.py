"""
What Bedrock's models refuse, and how thinking uses up the limit of an answer, by the catalog's rows.

The local models take everything and never think, so these rules are applied in front of them.
"""

from typing import Any

# The length of the thoughts that are simulated, in tokens.
THOUGHTS = 600
_SAMPLING = ("temperature", "topP")


def refusal(model_id: str, row: dict[str, Any], request: dict[str, Any]) -> str | None:
    """Bedrock's message for a Converse request that the model does not take; None if it takes it."""
    config = request.get("inferenceConfig") or {}
    extra = request.get("additionalModelRequestFields") or {}
    given = [name for name in _SAMPLING if name in config]
    given += ["topK"] if "top_k" in extra or "topK" in (extra.get("inferenceConfig") or {}) else []
    unknown = [name for name in given if name not in row["parameters"]]
    if unknown:
        return f"{unknown[0]} is deprecated for this model."
    for first, second in row["exclusive"]:
        if first in given and second in given:
            return f"The model returned the following errors: {first} and {second} cannot both be specified."
    if "outputConfig" in request and row["structuredOutput"] != "native":
        return "The model returned the following errors: output_config.format: Extra inputs are not permitted"
    choice = (request.get("toolConfig") or {}).get("toolChoice") or {}
    if ("tool" in choice or "any" in choice) and not row["forcedTool"]:
        return f"tool_choice forces tool use, which {model_id} does not support."
    return None


def thoughts(row: dict[str, Any], request: dict[str, Any]) -> int:
    """The tokens that the model spends on thoughts before this answer."""
    thinking = row["thinking"]
    if not thinking:
        return 0
    extra = request.get("additionalModelRequestFields") or {}
    is_least = thinking["fields"].items() <= extra.items()
    return 0 if is_least and not thinking["always"] else THOUGHTS
