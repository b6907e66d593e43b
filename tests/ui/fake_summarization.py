"""The fake of summarization for the web UI."""

from typing import Any

import msgspec

from tests.ui.fake_api import ErrorResponse, missing, page_of, timestamp


class Summarization:
    """Summarization: the text's first line is the report's title."""

    url = ""

    def __init__(self) -> None:
        self.summaries: list[dict[str, Any]] = []
        self.report_fields: dict[str, Any] = {}
        """Replace fields of the next reports."""
        self.versions: dict[str, list[dict[str, Any]]] = {}
        """The versions of each report, oldest first."""
        self.photos: dict[str, bytes] = {}

    def create_summary(self, body: Any) -> dict[str, Any]:
        summary = {
            "id": f"summary-{len(self.summaries)}",
            "report": {
                "title": (body.text or "A photo's report").strip().splitlines()[0][:60],
                "summary": "The pump tripped on over-temperature.\nIt stays out of service until the bearing is in.",
                "language": body.language or "en", "severity": "high",
                "equipment": "Booster pump P-204, Harland VX-80", "location": "Pump hall B",
                "occurredAt": "3 November 2026, 06:55",
                "symptoms": ["Drive-side bearing at 96 °C", "Grinding noise by hand"],
                "causes": ["Oil lost through a cracked seal"], "actionsTaken": ["Replaced the oil seal (4471-S)"],
                "actionsNeeded": ["Fit the bearing", "Laser alignment before restart"],
                "parts": ["Bearing 6311-2Z/C3, two pieces"], "safety": ["The coupling guard was off"],
                "missing": ["Who took the guard off"], **self.report_fields,
            },
            "model": "us.anthropic.claude-haiku-4-5-20251001-v1:0",
            "usage": {"inputTokens": 812, "outputTokens": 240},
            "createdAt": timestamp(len(self.summaries)), "version": 1,
            "photos": [
                {
                    "contentType": photo.content_type, "urlExpiresAt": "2026-11-03T23:00:00Z",
                    "url": f"{self.url}/stored/summarization/{self._keep(photo.data)}",
                }
                for photo in body.photos
            ],
        }  # fmt: skip
        self.summaries.append(summary)
        self.versions[summary["id"]] = [summary]
        return summary

    def correct_summary(self, id: str, body: Any) -> dict[str, Any]:
        before = self.get_summary(id)
        if before["version"] != body.expected_version:
            raise ErrorResponse(409, "conflict", f"The report is at version {before['version']}. Read it again.")
        report = {name: value for name, value in msgspec.to_builtins(body.report).items() if value is not None}
        number = before["version"] + 1
        summary = {**before, "report": report, "version": number, "editedAt": timestamp(600 + number)}
        self.summaries[self.summaries.index(before)] = summary
        self.versions[id].append(summary)
        return summary

    def list_versions(self, id: str) -> dict[str, Any]:
        return {
            "items": [
                {
                    "version": version["version"],
                    "report": version["report"],
                    "createdAt": version.get("editedAt", version["createdAt"]),
                }
                for version in reversed(self.versions[id])
            ]
        }

    def list_summaries(self, query: Any) -> dict[str, Any]:
        return page_of(self.summaries[::-1], query)

    def get_summary(self, id: str) -> dict[str, Any]:
        return next((summary for summary in self.summaries if summary["id"] == id), None) or missing()

    def delete_summary(self, id: str) -> None:
        self.summaries = [summary for summary in self.summaries if summary["id"] != id]

    def store(self, _method: str, name: str, _headers: Any, _body: bytes) -> tuple[int, bytes, dict[str, str]]:
        """A photo by its presigned URL."""
        photo = self.photos.get(name)
        return (403, b"", {}) if photo is None else (200, photo, {"Content-Type": "image/jpeg"})

    def _keep(self, photo: bytes) -> str:
        name = str(len(self.photos))
        self.photos[name] = photo
        return name
