"""Letters that explain the reasons of a score in plain words, as drafts for a person.

The stated reasons are the sentences of the fixed table (`reasons.py`): the letter has each of them unchanged, followed
by the model's explanation of it. The model gets the language and the reasons, and nothing of the application or the
score. Letters are not stored: the response to an idempotency key expires like any other.
"""

import time
from collections.abc import Callable, Sequence
from typing import Annotated, cast

import msgspec
from msgspec import Meta

from lambda_src.credit_risk import letter_rules, reasons
from lambda_src.credit_risk.models import CreateLetter, Letter, LetterReason
from lambda_src.credit_risk.reasons import Language
from lambda_src.credit_risk.score_store import ScoreRecord, ScoreStore
from lambda_src.credit_risk.settings import CreditSettings
from lambda_src.shared.bedrock import Bedrock
from lambda_src.shared.catalog import Invocation
from lambda_src.shared.context import Context
from lambda_src.shared.errors import Conflict, ModelFailed
from lambda_src.shared.ids import timestamp
from lambda_src.shared.inert_text import inert_text
from lambda_src.shared.observability import logger
from lambda_src.shared.schemas import NonBlank, ResponseModel, Usage
from lambda_src.shared.structured import ask

# Seven passages of some 600 characters, with the codes, as JSON.
MAX_TOKENS = 2000
_SYSTEM = """You write passages of a letter to a person who applied for a loan. The letter explains in plain words why \
the person's credit score is not higher. The user's message is JSON: `language` is the language to write in (en: \
English; es: Latin American Spanish; pt: Brazilian Portuguese), and each of the \
`reasons` has a `code` and the sentence that states it.
`opening` says in one or two sentences what the letter is about.
`explanations` has one item for each reason, in the same order and with its `code`. Its `text` says in one to three \
short sentences what the reason means, and why lenders look at it. It stands after the reason's sentence, so do not \
repeat that.
`closing` says in one or two sentences that the person can ask the lender about each of the reasons.
You know nothing else about the person, the loan or the score, and not what the lender decides. Add no facts. Do not \
write that a loan is approved, refused or likely, promise nothing, and give no advice. Write no numbers, neither in \
digits nor in words. Write no greeting, names, signature or placeholders. Mention no personal attribute, such as age, \
sex, race, religion, marital status, origin, health or where someone lives."""

_Passage = Annotated[NonBlank, Meta(max_length=1_000)]


class Explanation(ResponseModel):
    """What the model writes about a reason."""

    code: Annotated[str, Meta(description="The reason's code")]
    text: Annotated[_Passage, Meta(description="What the reason means")]


class Draft(ResponseModel):
    """What the model writes."""

    opening: Annotated[_Passage, Meta(description="What the letter is about")]
    explanations: Annotated[list[Explanation], Meta(description="One for each reason, in the same order")]
    closing: Annotated[_Passage, Meta(description="That the person can ask the lender")]


class Letters:
    """The operation of the route `POST /scores/{id}/letters`."""

    def __init__(
        self, settings: CreditSettings, bedrock: Bedrock, store: ScoreStore, now: Callable[[], float] = time.time
    ) -> None:
        """`now` returns the seconds since 1970."""
        self._settings = settings
        self._bedrock = bedrock
        self._store = store
        self._now = now

    def create(self, context: Context, score_id: str, body: CreateLetter) -> Letter:
        """Drafts a letter about a score of the caller's.

        Raises `InvalidRequest` for a model that the stage does not offer, `NotFound`, `Conflict` for a score without
        reasons, `Refused`, and `ModelFailed` when the model breaks the rules to the end.
        """
        chosen = self._settings.model(context, body.model)
        record = self._store.get(context.caller, score_id).record
        language = body.language or record.language
        stated = _stated(record, language)
        if not stated:
            raise Conflict("The score has no reasons, so there is nothing to explain.")
        draft, invocation = self._bedrock.answer(
            context, chosen, lambda limited, model: self._draft(limited, model, stated, language)
        )
        # Checked again: the last answer may still break a rule, and a guardrail may have masked something in it.
        if _problem(draft, stated) is not None:
            raise ModelFailed("The model's answer is unusable.")
        text = _assembled(draft, stated)
        if self._settings.payload_logging:
            logger.info("payload", request_id=context.request_id, reasons=[each.code for each in stated], text=text)
        use = context.used(invocation)
        return Letter(
            score_id=score_id,
            language=language,
            text=text,
            reasons=stated,
            model=invocation.id,
            usage=Usage(input_tokens=use.input_tokens, output_tokens=use.output_tokens),
            created_at=timestamp(self._now()),
            request_id=context.request_id,
        )

    def _draft(
        self, context: Context, invocation: Invocation, stated: Sequence[LetterReason], language: Language
    ) -> Draft:
        draft: Draft = ask(
            self._bedrock,
            context,
            invocation,
            system=_SYSTEM,
            content=[{"text": _facts(stated, language)}],
            answer_type=Draft,
            max_tokens=MAX_TOKENS,
            check=lambda draft: _problem(draft, stated),
        )
        return draft


def _stated(record: ScoreRecord, language: Language) -> list[LetterReason]:
    """The score's reasons as it states them, or in the table's words for another language."""
    if language == record.language:
        return [LetterReason(reason.code, reason.text) for reason in record.score.reasons]
    return [
        LetterReason(
            reason.code,
            reasons.text(
                reason.characteristic,
                cast("reasons.Side", reason.code.removeprefix(reason.characteristic)),
                language,
            ),
        )
        for reason in record.score.reasons
    ]


def _facts(stated: Sequence[LetterReason], language: Language) -> str:
    """All that the model learns, as JSON."""
    return msgspec.json.encode({"language": language, "reasons": stated}).decode()


def _problem(draft: Draft, stated: Sequence[LetterReason]) -> str | None:
    """What is wrong with a draft, in words for the model; None if nothing is."""
    codes = [reason.code for reason in stated]
    if [explanation.code for explanation in draft.explanations] != codes:
        return f"`explanations` must have exactly these codes in this order: {', '.join(codes)}."
    passages = [draft.opening, *(explanation.text for explanation in draft.explanations), draft.closing]
    return next(filter(None, map(letter_rules.problem, passages)), None)


def _assembled(draft: Draft, stated: Sequence[LetterReason]) -> str:
    """The letter: each reason's sentence as the table has it, and the model's passages as inert text."""
    explained = [
        f"{reason.text} {_passage(explanation.text)}"
        for reason, explanation in zip(stated, draft.explanations, strict=True)
    ]
    return "\n\n".join([_passage(draft.opening), *explained, _passage(draft.closing)])


def _passage(text: str) -> str:
    return inert_text(" ".join(text.split()))
