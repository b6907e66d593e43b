"""
Explains the reasons of a credit score.

SmolLM2 would make up facts and figures. So each reason gets the same sentence, which is true of all of them.
"""

import json
from collections.abc import Mapping
from typing import Any

_FIELDS = {"opening", "explanations", "closing"}
_OPENING = {
    "en": "This letter explains what lowers the credit score.",
    "es": "Esta carta explica lo que reduce la puntuación de crédito.",
    "pt": "Esta carta explica o que reduz a pontuação de crédito.",
}
_EXPLANATION = {
    "en": "Lenders look at this, since it says something about how loans are repaid.",
    "es": "Quien presta mira esto, porque dice algo sobre cómo se pagan los préstamos.",
    "pt": "Quem empresta observa isso, pois diz algo sobre como os empréstimos são pagos.",
}
_CLOSING = {
    "en": "Please ask us about any of these reasons.",
    "es": "Pregúntenos sobre cualquiera de estos motivos.",
    "pt": "Pergunte-nos sobre qualquer um destes motivos.",
}


def explain(schema: Mapping[str, Any], text: str) -> dict[str, Any] | None:
    """The passages of a letter, for its schema and a text that begins with the reasons as JSON; None for others."""
    if set(schema.get("properties") or {}) != _FIELDS or "{" not in text:
        return None
    try:
        facts = json.JSONDecoder().raw_decode(text, text.index("{"))[0]
        language, codes = facts["language"], [reason["code"] for reason in facts["reasons"]]
        return {
            "opening": _OPENING[language],
            "explanations": [{"code": code, "text": _EXPLANATION[language]} for code in codes],
            "closing": _CLOSING[language],
        }
    except (ValueError, KeyError, TypeError):
        return None
