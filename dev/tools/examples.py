"""Example requests that work on a deployed stage, and example responses, for the OpenAPI documents.

Request bodies are listed by the route's operation. All other examples are generated from their schemas, so that a new
route always has an example. A field with a `pattern` needs `Meta(examples=[...])`, unless a value below matches it.
"""

import re
from collections.abc import Mapping
from typing import Any

from lambda_src.shared.routes import Route

Schema = Mapping[str, Any]

_COMPLETION = {
    "prompt": "What does a mechanical seal do?",
    "parameters": {"maxTokens": 80},
}
# Two characteristics with their training set, and a test on a thousand other loans.
_SCORECARD = {
    "format": "credit-scorecard/1",
    "name": "Income and term",
    "currency": "USD",
    "card": {
        "basePoints": 600,
        "minimum": 300,
        "maximum": 850,
        "pointsToDoubleOdds": 69.3147,
        "probabilityOfDefault": {"offset": 430, "factor": 100},
        "characteristics": [
            {
                "name": "annualIncome",
                "classes": [
                    {"below": 30000, "points": -50, "count": 200, "bads": 48},
                    {"below": 70000, "points": 0, "count": 500, "bads": 80},
                    {"points": 20, "count": 290, "bads": 32},
                ],
                "missing": {"points": 0, "count": 10, "bads": 2},
                "averagePoints": -4.2,
            },
            {
                "name": "termMonths",
                "classes": [
                    {"below": 60, "points": 9, "count": 800, "bads": 110},
                    {"points": -36, "count": 200, "bads": 52},
                ],
                "averagePoints": 0,
            },
        ],
    },
    "lossGivenDefault": {
        "threshold": 0.02,
        "recovers": {"intercept": 0.5},
        "rate": {"intercept": 0.15},
    },
    "exposureAtDefault": {"intercept": 0.6},
    "defaultTiming": [{"termMonths": 36, "share": 0.23}, {"termMonths": 60, "share": 0.13}],
    "trainingRanges": {"amount": {"minimum": 500, "maximum": 25000}},
    "reference": {"loans": 1000, "bandBounds": [580, 610], "bandCounts": [240, 480, 280]},
    "performance": {
        "holdout": {
            "first": 500,
            "width": 50,
            "goods": [110, 190, 340, 200],
            "bads": [40, 50, 50, 20],
            "amounts": [1500000, 2400000, 3900000, 2200000],
            "expectedLosses": [210000, 260000, 310000, 140000],
            "losses": [225000, 270000, 290000, 120000],
        },
        "metrics": [
            {
                "set": "holdout",
                "first": "2024-01",
                "last": "2024-12",
                "loans": 1000,
                "bads": 160,
                "meanProbabilityOfDefault": 0.158,
                "auroc": 0.62,
                "ks": 0.21,
                "expectedLossRate": 0.092,
                "lossRate": 0.0905,
            }
        ],
    },
}
REQUESTS: Mapping[str, Any] = {
    "create_score": {
        "applicationId": "A-2026-000123",
        "applicant": {
            "annualIncome": 65000,
            "employmentYears": 6,
            "homeOwnership": "rent",
            "incomeVerification": "verified",
            "debtToIncome": 14.2,
            "delinquencies2Years": 0,
            "inquiries6Months": 1,
            "openAccounts": 9,
            "totalAccounts": 21,
            "publicRecords": 0,
            "revolvingBalance": 8400,
            "revolvingUtilization": 38.5,
            "earliestCreditLine": "2004-06",
        },
        "loan": {
            "amount": 12000,
            "termMonths": 36,
            "purpose": "debtConsolidation",
            "interestRate": 11.5,
            "grade": "B",
        },
        "language": "en",
        "segment": "branch-12",
    },
    "create_review": {
        "outcome": "overturned",
        "decision": "approve",
        "reason": "The payslips of the new employer show a higher income.",
    },
    "create_letter": {"language": "en"},
    "create_batch": {"name": "Applications of January", "purpose": "scoring"},
    "create_model": _SCORECARD,
    "simulate": {"maximumBadRate": 0.1, "basis": "holdout", "margin": 0.12},
    "activate_model": {
        "role": "champion",
        "cutOff": {"approve": 660, "refer": 600},
        "reason": "Validated: report 2026-11, approved by the model committee.",
    },
    "create_training": {
        "batch": "0199b2c4-5d1e-7c3a-9f42-6b8f0d2a7e11",
        "name": "Loans since 2020",
        "exclude": ["grade", "interestRate"],
        "testFrom": "2025-01",
    },
    "create_images": {
        "prompt": "A film poster: a lighthouse keeper and her dog watch a comet",
        "aspectRatio": "2:3",
        "seed": 7,
    },
    "create_summary": {
        "text": "Pump 4 lost pressure at 6:10. I replaced the mechanical seal and ran it for an hour; no leak. "
        "The coupling is worn and should be changed at the next stop.",
        "lines": 2,
        "audience": "technician",
    },
    "create_embeddings": {"texts": ["The pump lost pressure at six."], "dimensions": 256},
    "compare_texts": {
        "text": "The pump lost pressure.",
        "candidates": ["Pressure fell in pump 4.", "The canteen opens at noon."],
    },
    "create_completion": _COMPLETION,
    "stream_completion": _COMPLETION,
    "add_turn": {"user": "Which pump leaks?", "assistant": "Pump 4, at its mechanical seal."},
    "compare_completions": {
        "models": ["us.amazon.nova-lite-v1:0", "us.anthropic.claude-haiku-4-5-20251001-v1:0"],
        "prompt": "What does a mechanical seal do?",
        "parameters": {"maxTokens": 80},
    },
    "create_document": {"name": "My handbook", "contentType": "application/pdf"},
    "answer_question": {"question": "How many hours of annual leave can I carry over?"},
    "give_feedback": {"helpful": False, "comment": "It does not say what happens to the rest."},
    "search": {"query": "annual leave carry over", "limit": 3},
}

# Values of fields, by their name in JSON.
VALUES: Mapping[str, Any] = {
    "answer": "You can carry over up to 240 hours of annual leave.",
    "answered": True,
    "bytes": 482133,
    "chunks": 214,
    "comment": "It does not say what happens to the rest.",
    "contentType": "image/png",
    "cursor": "0199b2c4-5d1e-7c3a-9f42-6b8f0d2a7e11",
    "dimensions": 256,
    "document": "Leave handbook",
    "family": "nova",
    "fields": {"key": "uploads/0199b2c4", "policy": "eyJ..."},
    "height": 1536,
    "id": "0199b2c4-5d1e-7c3a-9f42-6b8f0d2a7e11",
    "index": 0,
    "inputs": ["text", "image"],
    "inputTokens": 21,
    "instructions": "Answer in one sentence.",
    "invocationId": "us.amazon.nova-lite-v1:0",
    "language": "en",
    "latencyMs": 812,
    "messageCount": 2,
    "model": "us.anthropic.claude-haiku-4-5-20251001-v1:0",
    "name": "Leave handbook",
    "nextCursor": "0199b2c4-5d1e-7c3a-9f42-6b8f0d2a7e11",
    "outputTokens": 64,
    "page": 12,
    "pages": 48,
    "pagesDone": 48,
    "pagesWithoutText": 0,
    "hiddenCharacters": 0,
    "notices": [{"code": "embedded_files", "message": "The PDF contains a file that answers do not use."}],
    "prompt": "A film poster: a lighthouse keeper and her dog watch a comet",
    "provider": "Amazon",
    "query": "annual leave carry over",
    "question": "How many hours of annual leave can I carry over?",
    "quote": "You may carry over a maximum of 240 hours.",
    "requestId": "7c1f0c52-8a3d-4a2e-9d55-0f6f5c3b1e90",
    "score": 0.83,
    "seed": 7,
    "severity": "medium",
    "status": "ready",
    "stopReason": "end_turn",
    "summary": "Pump 4 lost pressure at 6:10.\nThe mechanical seal was replaced; the coupling is worn.",
    "text": "A mechanical seal keeps the liquid in where the shaft leaves the pump.",
    "title": "Pressure loss at pump 4",
    "understoodAs": "How many hours of annual leave can I carry over?",
    "url": "https://bucket.s3.us-west-2.amazonaws.com/object?X-Amz-Signature=...",
    "vector": [0.0213, -0.0871, 0.0442],
    "width": 1024,
}

# Values for types in which a field has another meaning or depends on other fields.
OVERRIDES: Mapping[str, Mapping[str, Any]] = {
    "CreatedImages": {"model": "stability.stable-image-core-v1:1", "usage": {"images": 1}},
    "Completion": {"parameters": {"maxTokens": 80}},
    "DeletedDocument": {"status": "deleting"},
    "DocumentCreated": {"status": "awaitingUpload"},
    "Embeddings": {"model": "amazon.titan-embed-text-v2:0", "usage": {"inputTokens": 7}},
    "ErrorContent": {"code": "throttled", "message": "The model takes no more requests at the moment."},
    "SearchResult": {"text": "Full-time employees may carry over a maximum of 240 hours of annual leave."},
    "FeedbackGiven": {"helpful": False},
    "ModelReference": {
        "id": "00000000-0000-7000-8000-000000000002",
        "name": "Sample scorecard",
        "version": "b6d4df1d70d7",
    },
    "ScoreCutOff": {"approve": 660, "refer": 600},
    "ScoreRange": {"min": 300, "max": 850},
    "ScoreReason": {
        "code": "annualIncomeLow",
        "characteristic": "annualIncome",
        "text": "The income is low.",
        "pointsBelowAverage": 54.2,
    },
    "LetterReason": {"code": "annualIncomeLow", "text": "The income is low."},
    "Letter": {
        "text": "This letter explains the reasons for your credit score.\n\nThe income is low. Lenders compare "
        "income with what a loan takes from it each month.\n\nPlease ask us if a reason is not clear to you."
    },
    "CharacteristicPoints": {"characteristic": "annualIncome", "class": "< 25279", "points": -54, "averagePoints": 1.3},
    "CalibrationRow": {
        "band": "575 - < 611",
        "loans": 412,
        "predicted": 0.24,
        "observed": 0.26,
        "interval": [0.22, 0.305],
    },
    "OutcomeMonitoring": {"bads": 612, "auroc": 0.69, "aurocInterval": [0.67, 0.71], "gini": 0.38, "ks": 0.29},
    "Comparison": {"predicted": 0.91, "observed": 0.9},
    "ScoreWarning": {"code": "outOfRange", "path": "loan.amount"},
    "OpenQuestion": {"helpful": False},
    "Image": {"model": "stability.stable-image-core-v1:1"},
    "ImageAnswer": {"model": "stability.stable-image-core-v1:1"},
    "Lifecycle": {"status": "active", "endOfLifeAt": "2026-12-01"},
    "ListedModel": {
        "id": "amazon.nova-lite-v1:0",
        "name": "Nova Lite",
        "parameters": {"topK": {"min": 0, "max": 128}, "maxTokens": {"min": 1, "max": 5000}},
        "purpose": "text",
    },
    "Price": {"inputPerMillion": 0.06, "outputPerMillion": 0.24, "currency": "USD", "asOf": "2026-01-15"},
    "Report": {
        "symptoms": ["Pressure loss at 6:10"],
        "causes": ["Worn mechanical seal"],
        "actionsTaken": ["Mechanical seal replaced"],
        "actionsNeeded": ["Change the coupling at the next stop"],
        "parts": ["Mechanical seal, 1"],
        "safety": [],
        "missing": ["Who released the pump"],
        "equipment": "Pump 4",
        "occurredAt": "6:10",
    },
    "Similarities": {"model": "amazon.titan-embed-text-v2:0", "usage": {"inputTokens": 18}},
    "Upload": {"url": "https://bucket.s3.us-west-2.amazonaws.com/"},
}

# Optional fields to omit: a success has no error, and the last page of a list has no cursor.
_RARE = {"details", "error", "images", "legacyAt", "location", "nextCursor", "perImage"}
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}
_TIME = "2026-01-15T09:30:00Z"


def request_example(route: Route, schema: Schema, components: Mapping[str, Schema]) -> Any:
    """A body for the route: the listed one, or the required fields, or fields with a listed value."""
    if route.operation in REQUESTS:
        return REQUESTS[route.operation]
    body = _resolved(schema, components)
    required = body.get("required") or [name for name in body.get("properties", {}) if name in VALUES][:1]
    properties = {name: part for name, part in body.get("properties", {}).items() if name in required}
    return {name: example(part, components, name) for name, part in properties.items()}


def example(schema: Schema, components: Mapping[str, Schema], name: str = "") -> Any:
    """A value that matches the schema. `name` is the field's name."""
    if "$ref" in schema:
        type_name = str(schema["$ref"]).rpartition("/")[2]
        return _fields(components[type_name], components, OVERRIDES.get(type_name, {}), name)
    if "anyOf" in schema:
        return example(_first(schema), components, name)
    if "examples" in schema:
        return schema["examples"][0]
    known = VALUES.get(name)
    if known is not None and _fits(known, schema):
        return known
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object":
        return _fields(schema, components, {}, name)
    if schema.get("type") == "array":
        return _array(schema, components, name)
    return _scalar(schema, name)


def _fields(schema: Schema, components: Mapping[str, Schema], known: Mapping[str, Any], name: str) -> Any:
    if schema.get("type") != "object":
        return example(schema, components, name)
    properties: Mapping[str, Schema] = schema.get("properties", {})
    required = schema.get("required", ())
    return {
        field: known[field] if field in known else example(part, components, field)
        for field, part in properties.items()
        if field in required or field in known or (field not in _RARE and not _nullable(part))
    }


def _array(schema: Schema, components: Mapping[str, Schema], name: str) -> list[Any]:
    """One item, or the minimum number of items; for several item types, one of each."""
    items = schema.get("items")
    if not isinstance(items, Mapping):
        return []
    item_types = items.get("anyOf", [items])
    one_each: list[Any] = [example(item, components, name.removesuffix("s")) for item in item_types]
    missing = int(schema.get("minItems", 0)) - len(one_each)
    return one_each + one_each[-1:] * missing


def _scalar(schema: Schema, name: str) -> Any:
    json_type = schema.get("type")
    if json_type == "boolean":
        return True
    if json_type in ("integer", "number"):
        return max(schema.get("minimum", 1), 1) if schema.get("maximum", 1) >= 1 else schema["maximum"]
    if json_type == "string":
        return _text(schema, name)
    return None


def _text(schema: Schema, name: str) -> str:
    if name.endswith(("Id", "document")) and schema.get("maxLength", 36) >= 36:
        return str(VALUES["id"])
    if name.endswith("At"):
        return _TIME
    if schema.get("contentEncoding") == "base64":
        return "iVBORw0KGgo="
    return (name or "text").ljust(schema.get("minLength", 0), "-")[: schema.get("maxLength")]


def _resolved(schema: Schema, components: Mapping[str, Schema]) -> Schema:
    return components[str(schema["$ref"]).rpartition("/")[2]] if "$ref" in schema else schema


def _first(schema: Schema) -> Schema:
    choice: Schema = next(option for option in schema["anyOf"] if option.get("type") != "null")
    return choice


def _nullable(schema: Schema) -> bool:
    return any(option.get("type") == "null" for option in schema.get("anyOf", ()))


def _fits(value: Any, schema: Schema) -> bool:
    """Whether type, enum, length and pattern match. The documents' test validates examples completely."""
    if "enum" in schema:
        return value in schema["enum"]
    python_type = _TYPES.get(str(schema.get("type")))
    if python_type is None or not isinstance(value, python_type) or isinstance(value, bool) != (python_type is bool):
        return False
    if isinstance(value, str):
        fits = len(value) in range(schema.get("minLength", 0), schema.get("maxLength", len(value)) + 1)
        return fits and re.search(schema.get("pattern", ""), value) is not None
    return "properties" not in schema
