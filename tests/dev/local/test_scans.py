"""DetectDocumentText: the response has Textract's format, and the emulator authorizes calls."""

import base64
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from dev.local import catalog
from tests.dev.local.conftest import LocalModels, run_local

LINES = ("Employees may carry over 240 hours.", "Requests go to hr@example.org")


def _page() -> bytes:
    """An image of two lines of text."""
    encoded = run_local(
        f"""
import base64, io
from PIL import Image, ImageDraw, ImageFont
picture = Image.new("RGB", (1000, 400), "white")
draw = ImageDraw.Draw(picture)
for number, line in enumerate({LINES!r}):
    draw.text((60, 80 + 120 * number), line, fill="black", font=ImageFont.load_default(40))
target = io.BytesIO()
picture.save(target, "PNG")
print(base64.b64encode(target.getvalue()).decode())
"""
    )
    return base64.b64decode(encoded)


def _detect(local_models: LocalModels, content: bytes) -> tuple[int, dict[str, Any]]:

    body = json.dumps({"Document": {"Bytes": base64.b64encode(content).decode()}}).encode()
    request = urllib.request.Request(f"{local_models.url}/model/textract/detect-document-text", body)  # noqa: S310
    try:
        with urllib.request.urlopen(request) as response:  # noqa: S310
            return response.status, json.load(response)
    except urllib.error.HTTPError as refused:
        return refused.code, {"code": refused.headers["x-amzn-ErrorType"], **json.load(refused)}


def test_text_is_detected_in_textracts_format(local_models: LocalModels) -> None:
    # when
    status, answer = _detect(local_models, _page())
    # then
    assert status == 200
    blocks = {name: [b for b in answer["Blocks"] if b["BlockType"] == name] for name in ("PAGE", "LINE", "WORD")}
    assert [block["Text"] for block in blocks["LINE"]] == list(LINES)
    assert [block["Text"] for block in blocks["WORD"]] == " ".join(LINES).split()
    assert blocks["PAGE"][0]["Relationships"][0]["Ids"] == [block["Id"] for block in blocks["LINE"]]
    assert all(50 < block["Confidence"] <= 100 for block in blocks["LINE"])
    first, second = (block["Geometry"]["BoundingBox"] for block in blocks["LINE"])
    assert 0 < first["Top"] < second["Top"] < 1
    assert 0.03 < first["Left"] < 0.1


def test_an_invalid_image_is_refused_with_textracts_code(local_models: LocalModels) -> None:
    status, answer = _detect(local_models, b"not a picture")
    assert (status, answer["code"]) == (400, "UnsupportedDocumentException")


# Calls the emulator's ASGI application directly, with signed requests and without a port.
_ASK = """
import asyncio, base64, json, os, urllib.parse
from pathlib import Path
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from dev.local.emulator import app

ROOT = ("test", "test")
POLICY = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "textract:DetectDocumentText", "Resource": "*"}]}

async def call(service, keys, body, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = AWSRequest("POST", "http://localhost/", data=body, headers=headers)
    SigV4Auth(Credentials(*keys), service, "us-east-1").add_auth(request)
    status, content = [], []
    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}
    async def send(message):
        status.append(message.get("status"))
        content.append(message.get("body", b""))
    fields = [(b"host", b"localhost"), *((k.lower().encode(), v.encode()) for k, v in request.headers.items())]
    await app({"type": "http", "method": "POST", "path": "/", "raw_path": b"/", "query_string": b"", "headers": fields,
               "scheme": "http", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}, receive, send)
    return [status[0], b"".join(content).decode()]

async def iam(**parameters):
    body = urllib.parse.urlencode({**parameters, "Version": "2010-05-08"}).encode()
    status, content = await call("iam", ROOT, body, content_type="application/x-www-form-urlencoded")
    assert status == 200, content
    return content

async def user(name):
    await iam(Action="CreateUser", UserName=name)
    key = await iam(Action="CreateAccessKey", UserName=name)
    return [key.split(f"<{tag}>")[1].split("<")[0] for tag in ("AccessKeyId", "SecretAccessKey")]

async def textract(keys, operation, content):
    body = json.dumps({"Document": {"Bytes": base64.b64encode(content).decode()}}).encode()
    target = f"Textract.{operation}"
    return await call("textract", keys, body, content_type="application/x-amz-json-1.1", x_amz_target=target)

async def main():
    page, detect = Path(os.environ["PAGE"]).read_bytes(), "DetectDocumentText"
    reader, stranger = await user("reader"), await user("stranger")
    await iam(Action="PutUserPolicy", UserName="reader", PolicyName="p", PolicyDocument=json.dumps(POLICY))
    print(json.dumps([
        await textract(reader, detect, page),
        await textract(stranger, detect, page),
        await textract((reader[0], "wrong"), detect, page),
        await textract(reader, "AnalyzeDocument", page),
        await textract(ROOT, "AnalyzeDocument", page),
        await textract(reader, detect, b"no picture"),
    ]))

asyncio.run(main())
"""


def test_the_emulator_authorizes_textract(local_models: LocalModels, tmp_path: Path) -> None:
    # given a user with permission for DetectDocumentText, and a user without permissions
    target, page = tmp_path / "catalog.json", tmp_path / "page.png"
    catalog.write(target)
    page.write_bytes(_page())
    # when
    out = run_local(
        _ASK,
        env={
            "LOCAL_MODELS_URL": local_models.url,
            "LOCAL_SEARCH_URL": "http://127.0.0.1:1",
            "LOCAL_SEARCH_REFRESH": "1s",
            "LOCAL_CATALOG": str(target),
            "STATE_DIR": str(tmp_path),
            "AUTH": "true",
            "PAGE": str(page),
        },
    )
    # then
    answers = [(status, json.loads(content)) for status, content in json.loads(out.splitlines()[-1])]
    read, stranger, forged, not_allowed, unknown, broken = answers
    assert read[0] == 200
    assert [block["Text"] for block in read[1]["Blocks"] if block["BlockType"] == "LINE"] == list(LINES)
    assert stranger[1]["__type"] == "AccessDeniedException"
    assert "textract:DetectDocumentText" in json.dumps(stranger[1])
    assert "ignature" in json.dumps(forged[1])
    assert all(answer[0] >= 400 for answer in (stranger, forged, not_allowed))
    assert not_allowed[1]["__type"] == "AccessDeniedException"
    assert unknown[1]["__type"] == "UnknownOperationException"
    assert (broken[0], broken[1]["__type"]) == (400, "UnsupportedDocumentException")
