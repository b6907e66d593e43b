"""Every invalid request to every route is refused with the field and the reason, and blank texts all in the same words.

The routes and their fields come from the registry.
"""

import copy
import json
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from dev.tools import openapi
from lambda_src.chatbot.models import CreateConversation
from lambda_src.registry import USE_CASES, UseCase
from lambda_src.shared.errors import Conflict
from lambda_src.shared.http import Api
from lambda_src.shared.routes import Route
from lambda_src.shared.schemas import Text
from tests.fakes import LambdaContext, context, event, settings
from tests.lambda_src.test_guardrail_coverage import BASE, BY_NAME, NOT_READ, Recorder, service_of, text_fields

ID = "00000000-0000-7000-8000-000000000000"
BLANKS = [
    "",
    " ",
    "\n\t\r",
    "\x00\x1f",
    "\u00a0\u2003\u3000",
    "\u200b",
    "\u200d\ufeff\u2060",
    "\u3164\u2800",
    "\u00ad\u202e",
]
VISIBLE = ["a", "0", ".", "é", "字", "ع", "🙂", "\u200b\ufeff x", "\U00020000"]
# Field -> why it is no text. A field of `NOT_READ` is none either.
NO_TEXT = {"language": "a language tag, with a pattern of its own"}
TEXTS = [fields for fields in text_fields() if fields.values[3] not in {*NOT_READ, *NO_TEXT}]
ROUTES = [
    pytest.param(use_case, route, id=f"{use_case.id}-{route.operation}")
    for use_case in USE_CASES
    for route in use_case.routes
    if route.request or route.query
]
WITH_BODY = [parameters for parameters in ROUTES if parameters.values[1].request]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELD_NAMES = st.text("abcdefgXYZ_-. ", min_size=1, max_size=8).map(lambda name: f"x{name}")
Path = tuple[str | int, ...]


class Untouched:
    """A service that no invalid request may reach."""

    def __getattr__(self, operation: str) -> Any:
        def reached(*_arguments: Any, **_named: Any) -> Any:
            raise Conflict("reached")

        return reached


@cache
def api_of(use_case: UseCase) -> tuple[Api, str]:
    """The use case with a model that answers everything, and the id of a conversation if it has some."""
    always_calls = any(setting.option is None for setting in use_case.models)
    service = service_of(use_case.name, Recorder()) if always_calls else Untouched()
    create = service.create_conversation if use_case.name == "chatbot" else None
    return Api(use_case.routes, service, settings()), create(context(), body=CreateConversation()).id if create else ID


def ask(api: Api, route: Route, body: Any = None, **changes: Any) -> tuple[int, Any]:
    path = dict.fromkeys(route.path_parameters, changes.pop("id", ID))
    raw = body if isinstance(body, str) or body is None else json.dumps(body)
    response = api(event(route.method, route.path, raw, path=path, **changes), LambdaContext())
    content = response["body"]
    return response["statusCode"], json.loads(content) if content.startswith("{") else content


def details(answer: tuple[int, Any]) -> list[tuple[str, str]]:
    status, body = answer
    assert status == 400, body
    assert body["error"]["code"] == "invalid_request"
    return [(detail["path"], detail["message"]) for detail in body["error"]["details"]]


def check_explained(answer: tuple[int, Any]) -> None:
    """A 400 names what is wrong. The same request may be valid, or refused for another reason."""
    assert answer[0] < 500, answer
    if answer[0] != 400:
        return
    found = details(answer)
    assert found
    for path, message in found:
        assert path.split(".")[0].split("[")[0] in ("body", "query", "headers", "request")
        assert message
        assert f"{path}: {message}" in answer[1]["error"]["message"] or path == "request"


def request_with(use_case: str, part: str, route: Route, path: str, text: str) -> tuple[dict[str, Any], str]:
    """Arguments of `ask` for a request with a text in one field, and the field's path in errors."""
    known = BASE.get(route.operation) or openapi.body_of(BY_NAME[use_case], route) if part == "body" else {}
    base: dict[str, Any] = copy.deepcopy(known)
    if part == "query":
        return {"query": {**base, path: text}}, f"query.{path}"
    if path == "messages.text":
        base.pop("prompt")
        return {"body": {**base, "messages": [{"role": "user", "text": text}]}}, "body.messages[0].text"
    if path.startswith("history."):
        field = path.removeprefix("history.")
        turn = {"question": "x", "answer": "x", field: text}
        return {"body": {**base, "history": [turn]}}, f"body.history[0].{field}"
    if path == "documents.name":
        return {"body": {**base, "documents": [{"name": text, "content": "V2h5"}]}}, "body.documents[0].name"
    assert "." not in path, f"{path}: say here how to set it"
    is_list = isinstance(base.get(path), list)
    return {"body": {**base, path: [text] if is_list else text}}, f"body.{path}" + ("[0]" if is_list else "")


@pytest.mark.parametrize(("use_case", "route", "part", "path"), TEXTS)
def test_blank_texts_are_refused_in_the_same_words(use_case: str, route: Route, part: str, path: str) -> None:
    api = Api([route], Untouched(), settings())
    for text in BLANKS:
        arguments, place = request_with(use_case, part, route, path, text)
        assert details(ask(api, route, **arguments)) == [(place, "must not be blank")]
    for text in VISIBLE:
        arguments, _ = request_with(use_case, part, route, path, text)
        assert ask(api, route, **arguments)[0] == 409


def test_the_list_of_fields_without_text_is_current() -> None:
    assert NO_TEXT.keys() <= {parameters.values[3] for parameters in text_fields()}


def test_blank_is_what_unicode_calls_so() -> None:
    """White space and control characters, and the formats of the first plane but those that are signs."""
    signs = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2}
    expected = {
        code
        for code in range(0x10000)
        if chr(code).isspace()
        or (unicodedata.category(chr(code)) in ("Cc", "Cf", "Zs", "Zl", "Zp") and code not in signs)
    }
    refused = {code for code in range(0x10000) if not 0xD800 <= code < 0xE000 and is_blank(chr(code))}
    assert expected <= refused
    # Letters that show nothing, and marks that only change the character before them.
    others = {chr(code) for code in refused - expected if unicodedata.category(chr(code))[0] not in ("M", "C")}
    assert others == {"\u115f", "\u1160", "\u2800", "\u3164", "\uffa0"}


def is_blank(text: str) -> bool:
    try:
        msgspec.convert(text, Text)
    except msgspec.ValidationError:
        return True
    return False


@pytest.mark.parametrize(("use_case", "route"), WITH_BODY)
def test_bodies_that_are_no_json_are_explained(use_case: UseCase, route: Route) -> None:
    api, conversation = api_of(use_case)
    for raw in ("", "{", "nonsense", '{"a" 1}', "\ufeff{}"):
        ((path, message),) = details(ask(api, route, raw, id=conversation))
        assert path == "body"
        assert "JSON" in message
    binary = {"isBase64Encoded": True, "id": conversation}
    assert details(ask(api, route, "!", **binary)) == [("body", "not valid base64")]
    # A text that is not UTF-8.
    ((path, _),) = details(ask(api, route, "eyJ4IjogIv8ifQ==", **binary))
    assert path.startswith("body")


@pytest.mark.parametrize(("use_case", "route"), WITH_BODY)
def test_other_content_types_are_explained(use_case: UseCase, route: Route) -> None:
    api, conversation = api_of(use_case)
    body = openapi.body_of(use_case, route)
    for content_type in ("text/plain", "", "application/x-www-form-urlencoded", "application/jsonp"):
        answer = ask(api, route, body, id=conversation, headers={"Content-Type": content_type})
        assert details(answer) == [("headers.Content-Type", "must be application/json")]


@pytest.mark.parametrize(("use_case", "route"), ROUTES)
def test_generated_requests_are_explained(use_case: UseCase, route: Route) -> None:
    api, conversation = api_of(use_case)

    @hypothesis_settings(max_examples=60, deadline=None)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        if route.query:
            query = data.draw(st.dictionaries(st.sampled_from(names(route)) | st.text(max_size=5), st.text(max_size=9)))
            check_explained(ask(api, route, query=query, id=conversation))
        if route.request:
            body = openapi.body_of(use_case, route)
            mutated = replaced(body, data.draw(st.sampled_from(list(places(body)))), data.draw(JSON))
            check_explained(ask(api, route, mutated, id=conversation))

    check()


@pytest.mark.parametrize(("use_case", "route"), WITH_BODY)
def test_unknown_and_missing_fields_are_named(use_case: UseCase, route: Route) -> None:
    api, conversation = api_of(use_case)
    body = openapi.body_of(use_case, route)

    @hypothesis_settings(max_examples=20, deadline=None)
    @given(FIELD_NAMES)
    def check_unknown(name: str) -> None:
        assert details(ask(api, route, {**body, name: 1}, id=conversation)) == [(f"body.{name}", "is unknown")]

    check_unknown()
    for field in msgspec.structs.fields(route.request):
        if field.required:
            without = {name: value for name, value in body.items() if name != field.encode_name}
            answer = ask(api, route, without, id=conversation)
            assert details(answer) == [(f"body.{field.encode_name}", "is required")]


def names(route: Route) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(route.query)]


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of all values in a body."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


def replaced(value: Any, path: Path, new: Any) -> Any:
    if not path:
        return new
    changed = copy.deepcopy(value)
    target = changed
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = new
    return changed
