"""Requests to a collection's endpoint: who asks, whether they may, and the same request for the engine."""

import asyncio
import hashlib
import json
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode

from dev.local import seams
from dev.local.search import indices, operations
from dev.local.search.engine import Engine, EngineDown
from dev.local.search.names import NO_CUSTOM_ID, BadBody, Names, Rewritten, merged, wanted
from dev.local.search.operations import Operation
from dev.local.search.service import PREFIX, Record, Service

logger = logging.getLogger("dev.local.search")

Answer = tuple[int, str, bytes]
Query = dict[str, list[str]]
_JSON = "application/json"


@dataclass(frozen=True)
class Request:
    """A request as it arrived. `path` is encoded, as signed; `below` is decoded and starts after the endpoint."""

    method: str
    path: str
    below: str
    query: Query
    headers: dict[str, str]
    body: bytes


class Denied(Exception):
    """403. The text is for the log only: the service does not say why."""


class DataPlane:
    """The ASGI application below `/_local/aoss/`."""

    def __init__(self, service: Service, engine: Engine, refresh: str) -> None:
        self._service, self._engine, self._refresh = service, engine, refresh
        self._aoss = seams.module("ministack.services.opensearchserverless")
        self._evaluator = seams.module("ministack.core.iam_evaluator")
        self._responses = seams.module("ministack.core.responses")
        self._router = seams.module("ministack.core.router")
        self._account_scope: Callable[[str], str] = seams.module("ministack.app")._request_account_scope

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one HTTP request."""
        status, content_type, body = await self._answer(scope, await _body(receive))
        headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, scope: dict[str, Any], body: bytes) -> Answer:
        raw = (scope.get("raw_path") or quote(scope["path"]).encode()).decode("latin-1")
        identifier, _, below = raw.removeprefix(PREFIX).partition("/")
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        request = Request(scope["method"], raw, unquote(below), query, headers, body)
        collection = self._service.collection(identifier)
        if not collection:
            return _refusal(404, "404 Not Found", "NotFound")
        try:
            principals = self._identify(request, collection, scope)
            return await self._serve(request, collection, principals)
        except Denied as denied:
            logger.warning("%s %s refused: %s", request.method, request.below, denied)
            return _refusal(403, "403 Forbidden", "Forbidden")
        except BadBody as problem:
            return _bad("parse_exception", str(problem))
        except indices.InvalidIndex as problem:
            return _bad("mapper_parsing_exception", str(problem))
        except EngineDown as failure:
            logger.warning("the search engine does not answer: %s", failure)
            return _refusal(503, "503 Service Unavailable", "ServiceUnavailable")

    def _identify(self, request: Request, collection: Record, scope: dict[str, Any]) -> set[str]:
        """Every ARN that the signer goes by. Raises `Denied`."""
        if not self._aoss._signed_for_aoss(request.headers, {}):
            raise Denied("not signed for the service aoss")
        digest = request.headers.get("x-amz-content-sha256")
        if digest != hashlib.sha256(request.body).hexdigest():
            raise Denied("x-amz-content-sha256 is missing or is not the body's hash")
        if "content-length" in _signed_headers(request.headers["authorization"]):
            raise Denied("content-length must not be among the signed headers")
        key = self._router.extract_access_key_id(request.headers, {})
        self._responses.set_request_account_id(self._account_scope(key))
        self._responses.set_request_region(self._router.extract_region(request.headers, {}))
        self._evaluator.pin_request_origin((scope.get("client") or ("127.0.0.1",))[0], True)
        self._evaluator.pin_signed_request(request.method, request.path, request.query, scope["headers"])
        region, account = self._service.where()
        if collection["arn"].split(":")[3] != region:
            raise Denied(f"signed for {region}, but the collection is {collection['arn']}")
        refused = self._evaluator.enforce(
            key, "aoss:APIAccessAll", "aoss", region, resource_arn=collection["arn"],
            service_context={"aoss:collection": collection["name"]},
        )  # fmt: skip
        if refused:
            raise Denied(f"aoss:APIAccessAll on {collection['arn']}: {getattr(refused, 'message', refused)}")
        signer = self._evaluator.resolve_credential(key, account)
        return self._service.principals(str(getattr(signer, "principal_arn", "")))

    async def _serve(self, request: Request, collection: Record, principals: set[str]) -> Answer:
        if not self._service.reachable(collection):
            raise Denied(f"no network policy opens the collection {collection['name']}")
        asked = operations.operation(request.method, request.below, request.query)
        if not asked:
            return _refusal(404, "404 Not Found", "NotFound")
        names = Names(collection["id"])
        rewritten = self._rewrite(request, asked, collection, names)
        for index in wanted({asked.index, *rewritten.indices}):
            if not self._service.may(principals, asked.permission, collection, index):
                raise Denied(f"{sorted(principals)}: no {asked.permission} on index/{collection['name']}/{index}")
        policy = operations.refresh_policy(request.query)
        if policy and asked.permission == operations.WRITE:
            return _bad("status_exception", f"{policy} refresh policy is not supported.")
        if asked.custom_id and not _takes_ids(collection):
            return _bad("illegal_argument_exception", NO_CUSTOM_ID)
        if rewritten.refused and not rewritten.forwarded:
            return 200, _JSON, merged(b"", rewritten.refused)
        status, content_type, answer = await asyncio.to_thread(
            self._engine.call, request.method, _target(request, asked, names), rewritten.body, _content_type(request)
        )
        answer = names.caller(answer)
        return status, content_type, merged(answer, rewritten.refused) if rewritten.refused else answer

    def _rewrite(self, request: Request, asked: Operation, collection: Record, names: Names) -> Rewritten:
        if asked.api == "_bulk":
            return names.bulk(request.body, asked.index, custom_ids=_takes_ids(collection))
        if asked.api == "_msearch":
            return names.msearch(request.body, asked.index)
        if asked.api == "_mget":
            return names.mget(request.body, asked.index)
        if asked.permission in (operations.CREATE, operations.UPDATE):
            return Rewritten(self._index(request.body, asked, collection))
        if asked.api == "_update" and not _takes_ids(collection):
            content = _object(request.body)
            if not {"upsert", "doc_as_upsert"}.isdisjoint(content):
                raise BadBody(NO_CUSTOM_ID)
        return Rewritten(request.body)

    def _index(self, body: bytes, asked: Operation, collection: Record) -> bytes:
        """A new index, or more of an old one, with the engine that is here."""
        content = _object(body)
        mappings = content.get("mappings") or {} if asked.permission == operations.CREATE else content
        engines = list(indices.named_engines(mappings))
        if engines and self._service.nextgen(collection):
            raise indices.InvalidIndex("engine: a NEXTGEN collection chooses the engine itself")
        if asked.permission == operations.CREATE:
            return json.dumps(indices.for_engine(content, self._refresh)).encode()
        return json.dumps(indices.with_lucene(content)).encode()


async def _body(receive: Any) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _takes_ids(collection: Record) -> bool:
    return bool(collection["type"] == "SEARCH")


def _signed_headers(authorization: str) -> list[str]:
    return authorization.partition("SignedHeaders=")[2].partition(",")[0].lower().split(";")


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", _JSON) if request.body else ""


def _target(request: Request, asked: Operation, names: Names) -> str:
    """The path and query for the engine. A request that names no index asks those of its collection."""
    segments = [part for part in request.below.split("/") if part]
    in_body = asked.api in ("_bulk", "_msearch", "_mget")
    expression = names.engine(",".join(wanted({asked.index})))
    if asked.index:
        segments[segments.index(asked.index)] = expression
    elif segments[:2] == ["_cat", "indices"]:
        segments.append(expression)
    elif not in_body:
        segments.insert(0, expression)
    path = "/" + "/".join(quote(segment, safe="*,") for segment in segments)
    return f"{path}?{urlencode(request.query, doseq=True)}" if request.query else path


def _object(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body or b"{}")
    except ValueError as failure:
        raise BadBody(f"not JSON: {failure}") from failure
    if not isinstance(content, dict):
        raise BadBody("a JSON object is expected")
    return content


def _refusal(status: int, reason: str, kind: str) -> Answer:
    """The service's own errors, as opposed to the engine's."""
    content = {"status": status, "request-id": str(uuid.uuid4()), "error": {"reason": reason, "type": kind}}
    return status, _JSON, json.dumps(content).encode()


def _bad(kind: str, reason: str) -> Answer:
    """400 in the engine's form."""
    cause = {"type": kind, "reason": reason}
    return 400, _JSON, json.dumps({"error": {"root_cause": [cause], **cause}, "status": 400}).encode()
