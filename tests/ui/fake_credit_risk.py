"""A fake of credit risk: the real scoring engine with the sample models; jobs that advance with each GET."""

import email
import gzip
from typing import Any

import msgspec

from lambda_src.credit_risk import cut_offs, sample_models, scorecard
from tests.ui.fake_api import ErrorResponse, page_of, timestamp

STEPS = ("reading", "classing", "selecting", "losses", "measuring")
CUT_OFF = {"approve": 640, "refer": 590}
RESULTS = gzip.compress(b"line,applicationId,score\n2,A-1,702\n")
REJECTED = gzip.compress(b"line,applicationId,field,reason\n") + gzip.compress(b"3,A-2,amount,must be at least 500\n")
VALIDATOR = "arn:aws:sts::111122223333:assumed-role/validator/ana"


def _id(kind: int, number: int) -> str:
    return f"0199b2c4-000{kind}-7000-8000-{number:012}"


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value)


class CreditRisk:
    """Credit risk with two sample models."""

    url = ""

    def __init__(self) -> None:
        self.forbidden: set[str] = set()
        """The operations that the caller's role may not use."""
        self.conflicts: set[str] = set()
        """The operations that are not possible now."""
        self.cards = {
            name: scorecard.parse(sample_models.read(name))  # type: ignore[arg-type]
            for name in ("champion", "challenger")
        }
        self.models = [self._model("champion", 0, CUT_OFF), self._model("challenger", 1, CUT_OFF)]
        self.engines = {model["id"]: self.cards[model["status"]] for model in self.models}
        self.activations: dict[str, list[dict[str, Any]]] = {model["id"]: [] for model in self.models}
        self.activations[self.models[0]["id"]].append(
            {
                "id": _id(5, 0), "model": self.models[0]["id"], "role": "champion", "cutOff": CUT_OFF,
                "reason": "First model of the stage", "activatedBy": VALIDATOR, "createdAt": timestamp(0),
            }
        )  # fmt: skip
        self.scores: list[dict[str, Any]] = []
        self.batches: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.processing_states: list[dict[str, Any]] = []
        """The states of an uploaded batch, one per GET; then it is ready."""
        self.is_paused = False
        """Whether a batch stays in its last processing state."""
        self.failing_uploads = 0
        """The number of uploads that fail."""
        self.trainings: list[dict[str, Any]] = []
        self.training_states: list[dict[str, Any]] = []
        """The states of a training, one per GET; then it is ready."""
        self.periods: list[dict[str, Any]] = []

    def _model(self, status: str, number: int, cut_off: Any) -> dict[str, Any]:
        model = self.cards[status].model
        card = model.card
        return {
            "id": _id(1, number), "name": model.name, "version": f"{number}3f9a01c", "status": status,
            "origin": "sample", "sample": True, "currency": model.currency,
            "characteristics": [entry.name for entry in card.characteristics],
            "scoreRange": {"min": card.minimum, "max": card.maximum}, "hasMetrics": True, "cutOff": cut_off,
            "createdAt": timestamp(number),
        }  # fmt: skip

    def add_model(self, name: str, **fields: Any) -> str:
        """A trained candidate, the same card as the challenger's."""
        number = len(self.models)
        model = {
            **self.models[1], "id": _id(1, number), "name": name, "status": "candidate", "origin": "trained",
            "sample": False, "registeredBy": "arn:aws:sts::111122223333:assumed-role/modeller/bia", **fields,
        }  # fmt: skip
        del model["cutOff"]
        self.models.append(model)
        self.engines[model["id"]] = self.cards["challenger"]
        self.activations[model["id"]] = []
        return str(model["id"])

    def _check(self, operation: str) -> None:
        if operation in self.forbidden:
            raise ErrorResponse(403, "forbidden", "The caller may not call this.")
        if operation in self.conflicts:
            raise ErrorResponse(409, "conflict", "no model is active")

    # --- Scores

    def create_score(self, body: Any) -> dict[str, Any]:
        self._check("create_score")
        champion = next((model for model in self.models if model["status"] == "champion"), None)
        if champion is None:
            raise ErrorResponse(409, "conflict", "No model is active.")
        given = {**_plain(body.loan), **_plain(body.applicant)}
        number = len(self.scores)
        try:
            result = self.engines[champion["id"]].score(given, (body.application_date or "2026-11-03")[:7])
        except scorecard.InputError as error:
            details = [{"path": error.path, "message": error.reason}]
            raise ErrorResponse(400, "invalid_request", "The application is invalid.", details=details) from error
        cut_off = champion["cutOff"]
        recommendation = (
            "refer"
            if any(warning.code == "outOfRange" for warning in result.warnings)
            else "approve" if result.score >= cut_off["approve"]
            else "refer" if result.score >= cut_off["refer"]
            else "decline"
        )  # fmt: skip
        score = {
            "id": _id(2, number), "applicationDate": body.application_date or "2026-11-03",
            "score": result.score, "scoreRange": champion["scoreRange"],
            "probabilityOfDefault": result.probability_of_default,
            "probabilityOfDefault12Months": result.probability_of_default_12_months,
            "lossGivenDefault": result.loss_given_default,
            "creditConversionFactor": result.credit_conversion_factor,
            "exposureAtDefault": result.exposure_at_default, "expectedLoss": result.expected_loss,
            "expectedLossRate": result.expected_loss_rate, "currency": champion["currency"],
            "recommendation": recommendation, "cutOff": cut_off,
            "reasons": [
                {
                    "code": reason.code, "characteristic": reason.characteristic, "text": reason.text(body.language),
                    "pointsBelowAverage": reason.points_below_average,
                }
                for reason in result.reasons
            ],
            "basePoints": result.base_points,
            "points": [
                {
                    "characteristic": entry.characteristic, "class": entry.label, "points": entry.points,
                    "averagePoints": entry.average_points, "missing": entry.missing,
                }
                for entry in result.points
            ],
            "warnings": _plain(result.warnings),
            "model": {name: champion[name] for name in ("id", "name", "version", "sample")},
            "createdAt": timestamp(number),
        }  # fmt: skip
        if body.application_id:
            score["applicationId"] = body.application_id
        details = {"applicant": _plain(body.applicant), "loan": _plain(body.loan), "language": body.language}
        self.scores.append({**score, "details": {**details, "reviews": []}})
        return score

    def list_scores(self, query: Any) -> dict[str, Any]:
        self._check("list_scores")
        return page_of([_listed(score) for score in self.scores[::-1]], query)

    def get_score(self, id: str) -> dict[str, Any]:
        score = dict(self._find(self.scores, id))
        return {**score, **score.pop("details")}

    def create_review(self, id: str, body: Any) -> dict[str, Any]:
        self._check("create_review")
        reviews = self._find(self.scores, id)["details"]["reviews"]
        review = {
            "id": _id(3, len(reviews)), "outcome": body.outcome, "reason": body.reason, "reviewedBy": VALIDATOR,
            "createdAt": timestamp(len(reviews)), **({"decision": body.decision} if body.decision else {}),
        }  # fmt: skip
        reviews.insert(0, review)
        return {**review, "scoreId": id}

    # --- Models

    def list_models(self, query: Any) -> dict[str, Any]:
        self._check("list_models")
        return page_of(self.models, query)

    def create_model(self, body: Any) -> dict[str, Any]:
        raise NotImplementedError

    def get_model(self, id: str) -> dict[str, Any]:
        summary = self._find(self.models, id)
        model = self.engines[id].model
        content = _plain(model)
        performance = content.get("performance", {})
        card = {
            **summary,
            "limits": [
                {"code": "sample", "message": "A sample."},
                {"code": "lossNotPredicted", "message": "Losses are means."},
            ],
            "metrics": performance.get("metrics", []), "periods": performance.get("periods", []),
            "lossGivenDefault": content["lossGivenDefault"], "exposureAtDefault": content["exposureAtDefault"],
            "defaultTiming": content["defaultTiming"], "trainingRanges": content["trainingRanges"],
            "referenceLoans": content["reference"]["loans"], "activations": self.activations[id],
        }  # fmt: skip
        return {**card, "development": content["development"]} if "development" in content else card

    def get_scorecard(self, id: str) -> dict[str, Any]:
        summary, card = self._find(self.models, id), self.engines[id].model.card
        characteristics = []
        for entry in card.characteristics:
            loans = sum(row.count for row in entry.classes) + (entry.missing.count if entry.missing else 0)
            labels = scorecard.labels(entry)
            rows = [*zip(labels, entry.classes, strict=True), *([("missing", entry.missing)] if entry.missing else [])]
            characteristics.append(
                {
                    "name": entry.name, "path": f"applicant.{entry.name}", "required": entry.missing is None,
                    "averagePoints": entry.average_points, **(_plain(entry.facts) if entry.facts else {}),
                    "classes": [
                        {
                            "class": label, "points": row.points, "missing": label == "missing",
                            "share": row.count / loans, **({"badRate": row.bads / row.count} if row.count else {}),
                        }
                        for label, row in rows
                    ],
                }
            )  # fmt: skip
        return {
            "id": id, "name": summary["name"], "version": summary["version"], "basePoints": card.base_points,
            "scoreRange": summary["scoreRange"], "pointsToDoubleOdds": card.points_to_double_odds,
            "probabilityOfDefault": _plain(card.probability_of_default), "characteristics": characteristics,
        }  # fmt: skip

    def _histogram(self, id: str, basis: str) -> Any:
        if basis == "production":
            raise ErrorResponse(409, "conflict", "No outcomes of this model's scores are known.")
        return cut_offs.find_histogram(self.engines[id].model, basis)  # type: ignore[arg-type]

    def get_cut_offs(self, id: str, query: Any) -> dict[str, Any]:
        histogram, summary = self._histogram(id, query.basis), self._find(self.models, id)
        table = _plain(cut_offs.cut_offs(histogram, query.step))
        loans = sum(histogram.goods) + sum(histogram.bads)
        in_force = {"cutOff": summary["cutOff"]} if "cutOff" in summary else {}
        return {**table, "basis": query.basis, "loans": loans, **in_force}

    def simulate(self, id: str, body: Any) -> dict[str, Any]:
        self._check("simulate")
        histogram, summary = self._histogram(id, body.basis), self._find(self.models, id)
        wish = {
            name: getattr(body, name)
            for name in ("cut_off", "approval_rate", "maximum_bad_rate", "maximum_expected_loss_rate")
        }
        try:
            simulated = cut_offs.simulate(histogram, **wish, margin=body.margin)
        except cut_offs.CutOffError as error:
            raise ErrorResponse(409, "conflict", str(error)) from error
        result = {
            "simulated": _plain(simulated), "basis": body.basis,
            "loans": sum(histogram.goods) + sum(histogram.bads),
        }  # fmt: skip
        if "cutOff" in summary:
            current = cut_offs.simulate(histogram, cut_off=summary["cutOff"]["approve"], margin=body.margin)
            result["current"] = _plain(current)
        return result

    def activate_model(self, id: str, body: Any) -> dict[str, Any]:
        self._check("activate_model")
        model = self._find(self.models, id)
        activation = {
            "id": _id(5, len(self.activations[id]) + 1), "model": id, "role": body.role, "reason": body.reason,
            "activatedBy": VALIDATOR, "createdAt": timestamp(9),
        }  # fmt: skip
        for other in self.models:
            if other["status"] == body.role != "retired":
                other["status"] = "retired"
                other.pop("cutOff", None)
        model["status"] = body.role
        if body.cut_off:
            model["cutOff"] = activation["cutOff"] = _plain(body.cut_off)
        self.activations[id].insert(0, activation)
        return activation

    # --- Batches

    def add_batch(self, name: str, purpose: str = "scoring", status: str = "ready", **fields: Any) -> str:
        number = len(self.batches)
        batch = {
            "id": _id(4, number), "name": name, "purpose": purpose, "status": status, "createdAt": timestamp(number),
            "updatedAt": timestamp(number), **fields,
        }  # fmt: skip
        self.batches.append(batch)
        if status == "ready":
            self._finish(batch)
        return str(batch["id"])

    def _finish(self, batch: dict[str, Any]) -> None:
        batch.update(status="ready", rows=1_200, rowsDone=1_200, rowsRejected=1)
        expiry = "2026-11-03T23:00:00Z"
        if batch["purpose"] == "scoring":
            batch["summary"] = {
                "approvalRate": 0.613, "meanScore": 648.2, "meanProbabilityOfDefault": 0.1462,
                "expectedLoss": 1_234_567.89, "exposure": 8_765_432.1, "currency": "USD",
            }  # fmt: skip
            batch["results"] = {"url": f"{self.url}/stored/credit-risk/results", "urlExpiresAt": expiry}
        batch["rejected"] = {"url": f"{self.url}/stored/credit-risk/rejected", "urlExpiresAt": expiry}

    def create_batch(self, body: Any) -> dict[str, Any]:
        batch_id = self.add_batch(body.name, body.purpose, "awaitingUpload")
        upload = {
            "url": f"{self.url}/stored/credit-risk/{batch_id}",
            "fields": {"policy": f"{body.bytes} {body.sha256}"},
            "expiresAt": "2026-11-03T23:00:00Z",
        }
        return {"id": batch_id, "status": "awaitingUpload", "upload": upload}

    def store(self, method: str, name: str, headers: Any, raw: bytes) -> tuple[int, Any, dict[str, str]]:
        """Stores and returns files. Like S3, it rejects a signature in addition to a presigned form or URL."""
        if "Authorization" in headers:
            return 400, b"<Error><Code>InvalidArgument</Code></Error>", {"Content-Type": "application/xml"}
        if method == "GET":
            stored = {"results": RESULTS, "rejected": REJECTED, **self.files}
            return 200, stored[name], {"Content-Type": "application/gzip"}
        if self.failing_uploads:
            self.failing_uploads -= 1
            return 503, b"<Error><Code>SlowDown</Code></Error>", {"Content-Type": "application/xml"}
        head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode()
        parts = email.message_from_bytes(head + raw).get_payload()
        self.files[name] = bytes(parts[-1].get_payload(decode=True))
        return 204, None, {}

    def list_batches(self, query: Any) -> dict[str, Any]:
        self._check("list_batches")
        return page_of([batch for batch in self.batches[::-1] if query.purpose in (None, batch["purpose"])], query)

    def get_batch(self, id: str) -> dict[str, Any]:
        batch = self._find(self.batches, id)
        if id in self.files and batch["status"] in ("awaitingUpload", "processing"):
            if self.processing_states:
                batch.update(self.processing_states.pop(0))
            elif not self.is_paused:
                self._finish(batch)
        return batch

    def delete_batch(self, id: str) -> dict[str, Any]:
        self.batches.remove(self._find(self.batches, id))
        return {"id": id, "status": "deleting"}

    # --- Trainings

    def add_training(self, name: str, status: str, done: int = 0, **fields: Any) -> str:
        number = len(self.trainings)
        running = "running" if status == "running" else "waiting"
        states = ["done"] * done + [running] + ["waiting"] * len(STEPS)
        training = {
            "id": _id(6, number), "name": name, "batch": _id(4, 0), "status": status,
            "steps": [{"name": step, "status": state} for step, state in zip(STEPS, states, strict=False)],
            "createdBy": "arn:aws:sts::111122223333:assumed-role/modeller/bia", "createdAt": timestamp(number),
            "updatedAt": timestamp(number), **fields,
        }  # fmt: skip
        self.trainings.append(training)
        return str(training["id"])

    def create_training(self, body: Any) -> dict[str, Any]:
        training_id = self.add_training(body.name, "waiting")
        return self._find(self.trainings, training_id)

    def list_trainings(self, query: Any) -> dict[str, Any]:
        self._check("list_trainings")
        return page_of(self.trainings[::-1], query)

    def get_training(self, id: str) -> dict[str, Any]:
        training = self._find(self.trainings, id)
        if training["status"] in ("waiting", "running"):
            if self.training_states:
                training.update(self.training_states.pop(0))
            else:
                steps = [{"name": step, "status": "done"} for step in STEPS]
                training.update(status="ready", steps=steps, model=_id(1, 9))
        return training

    # --- Monitoring

    def add_periods(self) -> None:
        """A stable month, one to watch, and an alarm with outcomes and groups."""
        for number, (period, psi, level) in enumerate(
            (("2026-08", 0.031, "stable"), ("2026-09", 0.132, "watch"), ("2026-10", 0.271, "alarm"))
        ):
            self.periods.append(self._period(number, period, psi, level))
        self.periods[-1]["outcomes"] = {
            "count": 640, "bads": 96, "badRate": 0.15, "meanProbabilityOfDefault": 0.131, "auroc": 0.684,
            "aurocInterval": [0.63, 0.738], "gini": 0.368, "ks": 0.281,
            "calibration": [
                {
                    "band": band, "loans": 160, "predicted": predicted, "observed": observed,
                    "interval": [observed - 0.05, observed + 0.06], "fits": abs(predicted - observed) < 0.05,
                }
                for band, predicted, observed in (
                    ("< 590", 0.27, 0.35), ("590 - < 640", 0.15, 0.16), ("640 - < 690", 0.1, 0.09),
                    (">= 690", 0.05, 0.06),
                )
            ],
            "lossGivenDefault": {"predicted": 0.903, "observed": 0.911},
            "exposure": {"predicted": 7_320.5, "observed": 7_511.2},
        }  # fmt: skip
        self.periods[-1]["segments"] = [
            {"segment": "branch-1", "applications": 800, "approvalRate": 0.66, "ratio": 1.0},
            {"segment": "branch-2", "applications": 400, "approvalRate": 0.49, "ratio": 0.742},
        ]

    @staticmethod
    def _period(number: int, period: str, psi: float, level: str) -> dict[str, Any]:
        return {
            "period": period, "applications": 1_150 + 50 * number, "scorePsi": psi, "noise": 0.011, "level": level,
            "characteristics": [
                {
                    "name": "termMonths", "psi": psi, "noise": 0.002, "level": level,
                    "classes": [
                        {"class": "< 60", "expected": 0.83, "actual": 0.83 - psi},
                        {"class": ">= 60", "expected": 0.17, "actual": 0.17 + psi},
                    ],
                },
                {
                    "name": "purpose", "psi": 0.02, "noise": 0.003, "level": "stable",
                    "classes": [
                        {"class": "car, wedding", "expected": 0.2, "actual": 0.22},
                        {"class": "smallBusiness", "expected": 0.8, "actual": 0.78},
                    ],
                },
            ],
            "meanScore": 650.4 - number, "meanProbabilityOfDefault": 0.141, "approvalRate": 0.612,
            "recommendations": {"approve": 704, "refer": 211, "decline": 235}, "overrideRate": 0.25, "reviews": 8,
            "missingRates": {"employmentYears": 0.03, "revolvingUtilization": 0.002},
        }  # fmt: skip

    def get_monitoring(self, query: Any) -> dict[str, Any]:
        self._check("get_monitoring")
        model = self._find(self.models, query.model) if query.model else self.models[0]
        reference = {name: model[name] for name in ("id", "name", "version", "sample")}
        return {"model": reference, "items": self.periods}

    @staticmethod
    def _find(items: list[dict[str, Any]], id: str) -> dict[str, Any]:
        for item in items:
            if item["id"] == id:
                return item
        raise ErrorResponse(404, "not_found", "There is nothing with this id.")


def _listed(score: dict[str, Any]) -> dict[str, Any]:
    listed = {name: value for name, value in score.items() if name != "details"}
    newest = score["details"]["reviews"][:1]
    for review in newest:
        listed["review"] = {name: review[name] for name in ("outcome", "decision") if name in review}
    return listed
