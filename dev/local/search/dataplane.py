"""Requests to a collection's endpoint: authenticates, authorizes, and forwards them to the engine."""

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
from dev.local.search.names import NO_CUSTOM_ID, BadBody, Names, Rewritten, merged, to_authorize
from dev.local.search.operations import Operation
from dev.local.search.service import PREFIX, Record, Service

logger = logging.getLogger("dev.local.search")

Answer = tuple[int, str, bytes]
Query = dict[str, list[str]]
_JSON = "application/json"


@dataclass(frozen=True)
class Request:
    """A request. `path` is encoded, as signed; `below` is the decoded path relative to the endpoint."""

    method: str
    path: str
    below: str
    query: Query
    headers: dict[str, str]
    body: bytes


class Denied(Exception):
    """403. The message is for the log only: the service does not return the reason."""


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
        """Handles one HTTP request."""
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
            logger.warning("%s %s denied: %s", request.method, request.below, denied)
            return _refusal(403, "403 Forbidden", "Forbidden")
        except BadBody as invalid:
            return _bad("parse_exception", str(invalid))
        except indices.InvalidIndex as invalid:
            return _bad("mapper_parsing_exception", str(invalid))
        except EngineDown as failure:
            logger.warning("the search engine does not respond: %s", failure)
            return _refusal(503, "503 Service Unavailable", "ServiceUnavailable")

    def _identify(self, request: Request, collection: Record, scope: dict[str, Any]) -> set[str]:
        """Authenticates the request and returns all ARNs of the signer. Raises `Denied`."""
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
        denied = self._evaluator.enforce(
            key, "aoss:APIAccessAll", "aoss", region, resource_arn=collection["arn"],
            service_context={"aoss:collection": collection["name"]},
        )  # fmt: skip
        if denied:
            raise Denied(f"aoss:APIAccessAll on {collection['arn']}: {getattr(denied, 'message', denied)}")
        signer = self._evaluator.resolve_credential(key, account)
        return self._service.principals(str(getattr(signer, "principal_arn", "")))

    async def _serve(self, request: Request, collection: Record, principals: set[str]) -> Answer:
        if not self._service.reachable(collection):
            raise Denied(f"no network policy allows access to the collection {collection['name']}")
        operation = operations.parse(request.method, request.below, request.query)
        if not operation:
            return _refusal(404, "404 Not Found", "NotFound")
        names = Names(collection["id"])
        rewritten = self._rewrite(request, operation, collection, names)
        for index in to_authorize({operation.index, *rewritten.indices}):
            if not self._service.is_allowed(principals, operation.permission, collection, index):
                raise Denied(f"{sorted(principals)}: no {operation.permission} on index/{collection['name']}/{index}")
        policy = operations.refresh_policy(request.query)
        if policy and operation.permission == operations.WRITE:
            return _bad("status_exception", f"{policy} refresh policy is not supported.")
        if operation.custom_id and not _allows_custom_ids(collection):
            return _bad("illegal_argument_exception", NO_CUSTOM_ID)
        if rewritten.refused and not rewritten.forwarded:
            return 200, _JSON, merged(b"", rewritten.refused)
        status, content_type, answer = await asyncio.to_thread(
            self._engine.call,
            request.method,
            _target(request, operation, names),
            rewritten.body,
            _content_type(request),
        )
        answer = names.caller(answer)
        return status, content_type, merged(answer, rewritten.refused) if rewritten.refused else answer

    def _rewrite(self, request: Request, operation: Operation, collection: Record, names: Names) -> Rewritten:
        if operation.api == "_bulk":
            return names.bulk(request.body, operation.index, custom_ids=_allows_custom_ids(collection))
        if operation.api == "_msearch":
            return names.msearch(request.body, operation.index)
        if operation.api == "_mget":
            return names.mget(request.body, operation.index)
        if operation.permission in (operations.CREATE, operations.UPDATE):
            return Rewritten(self._index(request.body, operation, collection))
        if operation.api == "_update" and not _allows_custom_ids(collection):
            content = _object(request.body)
            if not {"upsert", "doc_as_upsert"}.isdisjoint(content):
                raise BadBody(NO_CUSTOM_ID)
        return Rewritten(request.body)

    def _index(self, body: bytes, operation: Operation, collection: Record) -> bytes:
        """Rewrites a new index or a mapping update for the local engine."""
        content = _object(body)
        mappings = content.get("mappings") or {} if operation.permission == operations.CREATE else content
        engines = list(indices.named_engines(mappings))
        if engines and self._service.nextgen(collection):
            raise indices.InvalidIndex("engine: a NEXTGEN collection chooses the engine itself")
        if operation.permission == operations.CREATE:
            return json.dumps(indices.for_engine(content, self._refresh)).encode()
        return json.dumps(indices.with_lucene(content)).encode()


async def _body(receive: Any) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _allows_custom_ids(collection: Record) -> bool:
    return bool(collection["type"] == "SEARCH")


def _signed_headers(authorization: str) -> list[str]:
    return authorization.partition("SignedHeaders=")[2].partition(",")[0].lower().split(";")


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", _JSON) if request.body else ""


def _target(request: Request, operation: Operation, names: Names) -> str:
    """The path and query for the engine. A request without an index applies to all indices of its collection."""
    segments = [part for part in request.below.split("/") if part]
    in_body = operation.api in ("_bulk", "_msearch", "_mget")
    expression = names.engine(",".join(to_authorize({operation.index})))
    if operation.index:
        segments[segments.index(operation.index)] = expression
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


def _refusal(status: int, reason: str, error_type: str) -> Answer:
    """An error in the service's format."""
    content = {"status": status, "request-id": str(uuid.uuid4()), "error": {"reason": reason, "type": error_type}}
    return status, _JSON, json.dumps(content).encode()


def _bad(error_type: str, reason: str) -> Answer:
    """A 400 in the engine's format."""
    cause = {"type": error_type, "reason": reason}
    return 400, _JSON, json.dumps({"error": {"root_cause": [cause], **cause}, "status": 400}).encode()
