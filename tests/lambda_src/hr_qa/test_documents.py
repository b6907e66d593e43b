"""The names in the table, the index and on the queue: existing data depends on them."""

import json

from tests.lambda_src.hr_qa.world import World
from tests.pdfs import text_pdf


def test_stored_documents_chunks_and_steps_keep_their_names() -> None:
    world = World()
    document = world.create_document(sha256=None)
    world.upload(document, text_pdf([["Parental leave is sixteen weeks for every employee."]]))
    world.deliver()

    key = (f"documents#{world.namespace}", document)
    identity = {"pk", "sk", "id", "name", "owner", "status", "createdAt", "updatedAt"}
    assert set(world.table.items[key]) == identity | {"ingesting", "ingestingSource"}
    (message,) = [json.loads(message["body"]) for message in world.sqs.messages]
    assert set(message) == {"step", "space", "document", "generation", "number", "count"}
    assert message["step"] == "range"

    world.run()

    place = {"liveIndex", "liveModel", "liveDimensions"}
    live = place | {"live", "liveSource", "pages", "chunks", "pagesWithoutText", "hiddenCharacters"}
    left_out = {"contentType", "embeddedFiles", "unreadCharacters"}
    assert set(world.table.items[key]) == identity | live | left_out
    (ingestion,) = [item for key, item in world.table.items.items() if key[0] == f"ingestion#{document}"]
    assert set(ingestion) == {"pk", "sk", "source", "index", "pages", "rangePages", "ranges", "touchedAt", "expiresAt"}
    assert set(ingestion["ranges"]["M"]["0"]["M"]) == {"pages", "chunks", "withoutText", "hidden", "files", "unread"}
    (chunk,) = world.search.documents.values()
    stored_text = {"page", "heading", "text", "sentences", "language"}
    assert set(chunk) == {"document", "generation", "ordinal", "terms", "vector", *stored_text}
