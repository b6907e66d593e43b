"""Index definitions in templates and requests: validated as by the service, and converted for the engine."""

from collections.abc import Iterator
from typing import Any

_TYPES = ("text", "knn_vector", "keyword", "integer")
_SPACES = ("cosinesimil", "l2", "innerproduct")
_DATA_TYPES = ("float", "byte")
# CloudFormation's names of property attributes and the engine's.
_ATTRIBUTES = {
    "Type": "type",
    "Analyzer": "analyzer",
    "DataType": "data_type",
    "Dimension": "dimension",
    "Index": "index",
    "SpaceType": "space_type",
    "Value": "value",
}


class InvalidIndex(ValueError):
    """The service rejects this index."""


def _true(value: Any) -> bool:
    return str(value).lower() == "true"


def from_template(props: dict[str, Any], *, nextgen: bool) -> dict[str, Any]:
    """
    Converts an `AWS::OpenSearchServerless::Index` to an engine request, before `for_engine`.

    :param nextgen: whether the collection's group has the generation NEXTGEN.
    :raises InvalidIndex: if the service rejects the index.
    """
    settings = props.get("Settings") or {}
    index = settings.get("Index") or {}
    if not _true(index.get("Knn", False)):
        raise InvalidIndex("Settings.Index.Knn must be true")
    if settings.get("Analysis"):
        raise InvalidIndex("Settings.Analysis: the local engine has the standard analyzer only")
    properties = (props.get("Mappings") or {}).get("Properties") or {}
    converted: dict[str, Any] = {"knn": True}
    if index.get("KnnAlgoParamEfSearch") is not None:
        converted["knn.algo_param.ef_search"] = int(index["KnnAlgoParamEfSearch"])
    return {
        "settings": {"index": converted},
        "mappings": {"properties": {name: _property(name, item, nextgen) for name, item in properties.items()}},
    }


def _property(name: str, attributes: dict[str, Any], nextgen: bool) -> dict[str, Any]:
    data_type = attributes.get("Type")
    if data_type not in _TYPES:
        raise InvalidIndex(f"Mappings.Properties.{name}.Type: {data_type!r} is not one of {', '.join(_TYPES)}")
    converted = {engine_name: attributes[name] for name, engine_name in _ATTRIBUTES.items() if name in attributes}
    if "index" in converted:
        converted["index"] = _true(converted["index"])
    if attributes.get("Properties"):
        converted["properties"] = {
            inner: _property(inner, item, nextgen) for inner, item in attributes["Properties"].items()
        }
    return {**converted, **_vector(name, attributes, nextgen)} if data_type == "knn_vector" else converted


def _vector(name: str, attributes: dict[str, Any], nextgen: bool) -> dict[str, Any]:
    method = attributes.get("Method") or {}
    where = f"Mappings.Properties.{name}"
    dimension = str(attributes.get("Dimension", ""))
    if not dimension.isdigit() or not 1 <= int(dimension) <= 16_000:
        raise InvalidIndex(f"{where}.Dimension: a number from 1 to 16000 is required")
    if attributes.get("DataType", "float") not in _DATA_TYPES:
        raise InvalidIndex(f"{where}.DataType: not one of {', '.join(_DATA_TYPES)}")
    for space_type in filter(None, (attributes.get("SpaceType"), method.get("SpaceType"))):
        if space_type not in _SPACES:
            raise InvalidIndex(f"{where}: space type {space_type!r} is not one of {', '.join(_SPACES)}")
    engine = method.get("Engine")
    if engine and nextgen:
        raise InvalidIndex(f"{where}.Method.Engine: a NEXTGEN collection chooses the engine itself")
    if engine not in (None, "faiss"):
        raise InvalidIndex(f"{where}.Method.Engine: {engine!r} is not supported; use faiss")
    parameters = method.get("Parameters") or {}
    converted: dict[str, Any] = {"name": method.get("Name", "hnsw")}
    if method.get("SpaceType"):
        converted["space_type"] = method["SpaceType"]
    numbers = {"ef_construction": parameters.get("EfConstruction"), "m": parameters.get("M")}
    converted["parameters"] = {key: int(value) for key, value in numbers.items() if value is not None}
    return {"dimension": int(dimension), "method": converted}


def for_engine(index: dict[str, Any], refresh: str) -> dict[str, Any]:
    """
    Adapts a request to create an index to the local engine.

    :param refresh: the delay until a write is visible; replaces the request's setting.
    """
    settings = index.get("settings") or {}
    # `index.knn` can also be given without its group, and as a dotted name.
    inner = {
        **{key.removeprefix("index."): value for key, value in settings.items() if key != "index"},
        **settings.get("index", {}),
    }
    inner |= {"refresh_interval": refresh, "number_of_shards": 1, "number_of_replicas": 0}
    return {**index, "settings": {"index": inner}, "mappings": with_lucene(index.get("mappings") or {})}


def with_lucene(mappings: dict[str, Any]) -> dict[str, Any]:
    """
    Changes the engine of all vectors to Lucene.

    The archive lacks the other engines' native libraries, and using them would crash the process.
    """
    properties = mappings.get("properties")
    return {**mappings, "properties": _with_lucene(properties)} if isinstance(properties, dict) else mappings


def _with_lucene(properties: dict[str, Any]) -> dict[str, Any]:
    converted = {}
    for name, attributes in properties.items():
        item = dict(attributes) if isinstance(attributes, dict) else attributes
        if isinstance(item, dict) and item.get("type") == "knn_vector":
            for unknown in ("mode", "compression_level"):
                item.pop(unknown, None)
            method = item.get("method") or {}
            item["method"] = {"name": "hnsw", **method, "engine": "lucene"}
        elif isinstance(item, dict) and isinstance(item.get("properties"), dict):
            item["properties"] = _with_lucene(item["properties"])
        converted[name] = item
    return converted


def named_engines(mappings: dict[str, Any]) -> Iterator[str]:
    """The engines of a request's vectors."""
    for item in (mappings.get("properties") or {}).values():
        if isinstance(item, dict):
            engine = (item.get("method") or {}).get("engine")
            if engine:
                yield str(engine)
            yield from named_engines(item)
