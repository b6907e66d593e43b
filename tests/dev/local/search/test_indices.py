"""Index definitions of templates and requests are validated and converted."""

from typing import Any

import pytest

from dev.local.search import indices
from dev.local.search.indices import InvalidIndex, from_template

VECTOR: dict[str, Any] = {
    "Type": "knn_vector",
    "Dimension": 256,
    "DataType": "float",
    "Method": {"Name": "hnsw", "SpaceType": "cosinesimil", "Parameters": {"EfConstruction": 128, "M": "16"}},
}


def _index(**properties: Any) -> dict[str, Any]:
    return {"Settings": {"Index": {"Knn": "true"}}, "Mappings": {"Properties": properties}}


def test_a_templates_index_is_converted_for_the_engine() -> None:
    converted = indices.for_engine(from_template(_index(v=VECTOR, t={"Type": "text"}), nextgen=True), "3s")
    assert converted["settings"]["index"] == {
        "knn": True,
        "refresh_interval": "3s",
        "number_of_shards": 1,
        "number_of_replicas": 0,
    }
    assert converted["mappings"]["properties"] == {
        "v": {
            "type": "knn_vector",
            "data_type": "float",
            "dimension": 256,
            "method": {
                "name": "hnsw",
                "space_type": "cosinesimil",
                "engine": "lucene",
                "parameters": {"ef_construction": 128, "m": 16},
            },
        },
        "t": {"type": "text"},
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"Type": "date"}, "not one of"),
        ({"Dimension": 0}, "Dimension"),
        ({"DataType": "double"}, "DataType"),
        ({"SpaceType": "cosine"}, "cosinesimil"),
        ({"Method": {"SpaceType": "cosine"}}, "cosinesimil"),
        ({"Method": {"Engine": "faiss"}}, "NEXTGEN"),
    ],
)
def test_invalid_indices_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidIndex, match=words):
        from_template(_index(v={**VECTOR, **change}), nextgen=True)


def test_a_classic_collections_index_has_an_engine() -> None:
    classic = {**VECTOR, "Method": {**VECTOR["Method"], "Engine": "faiss"}}
    assert from_template(_index(v=classic), nextgen=False)
    with pytest.raises(InvalidIndex, match="use faiss"):
        from_template(_index(v={**VECTOR, "Method": {"Engine": "nmslib"}}), nextgen=False)


def test_an_index_must_be_for_vectors() -> None:
    with pytest.raises(InvalidIndex, match="Knn"):
        from_template({**_index(v=VECTOR), "Settings": {"Index": {}}}, nextgen=True)


def test_a_request_for_another_engine_gets_lucene() -> None:
    vector = {"type": "knn_vector", "dimension": 3, "mode": "on_disk", "method": {"engine": "faiss", "name": "hnsw"}}
    request = {
        "settings": {"index.knn": True, "number_of_shards": 4},
        "mappings": {"properties": {"o": {"properties": {"v": vector}}, "w": {"type": "knn_vector", "dimension": 3}}},
    }
    converted = indices.for_engine(request, "1s")
    properties = converted["mappings"]["properties"]
    assert properties["o"]["properties"]["v"]["method"]["engine"] == "lucene"
    assert "mode" not in properties["o"]["properties"]["v"]
    assert properties["w"]["method"] == {"name": "hnsw", "engine": "lucene"}
    assert converted["settings"]["index"]["number_of_shards"] == 1
    assert converted["settings"]["index"]["knn"] is True
    assert list(indices.named_engines(request["mappings"])) == ["faiss"]
