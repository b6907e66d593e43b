"""An index as a template or a request describes it, checked as the service does, and in the engine's words."""

from collections.abc import Iterator
from typing import Any

_TYPES = ("text", "knn_vector", "keyword", "integer")
_SPACES = ("cosinesimil", "l2", "innerproduct")
_DATA_TYPES = ("float", "byte")
# The name that CloudFormation has for a property's attribute, and the engine's.
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
    """The service would not make this index."""


def _true(value: Any) -> bool:
    return str(value).lower() == "true"


def from_template(props: dict[str, Any], *, nextgen: bool) -> dict[str, Any]:
    """
    The engine's request for an `AWS::OpenSearchServerless::Index`, before `for_engine`.

    :param nextgen: whether the collection's group is of the new generation.
    :raises InvalidIndex: for what the service refuses.
    """
    settings = props.get("Settings") or {}
    index = settings.get("Index") or {}
    if not _true(index.get("Knn", False)):
        raise InvalidIndex("Settings.Index.Knn must be true")
    if settings.get("Analysis"):
        raise InvalidIndex("Settings.Analysis: the engine of the local stage has the standard analyzer only")
    properties = (props.get("Mappings") or {}).get("Properties") or {}
    made: dict[str, Any] = {"knn": True}
    if index.get("KnnAlgoParamEfSearch") is not None:
        made["knn.algo_param.ef_search"] = int(index["KnnAlgoParamEfSearch"])
    return {
        "settings": {"index": made},
        "mappings": {"properties": {name: _property(name, item, nextgen) for name, item in properties.items()}},
    }


def _property(name: str, given: dict[str, Any], nextgen: bool) -> dict[str, Any]:
    kind = given.get("Type")
    if kind not in _TYPES:
        raise InvalidIndex(f"Mappings.Properties.{name}.Type: {kind!r} is not one of {', '.join(_TYPES)}")
    made = {ours: given[theirs] for theirs, ours in _ATTRIBUTES.items() if theirs in given}
    if "index" in made:
        made["index"] = _true(made["index"])
    if given.get("Properties"):
        made["properties"] = {inner: _property(inner, item, nextgen) for inner, item in given["Properties"].items()}
    return {**made, **_vector(name, given, nextgen)} if kind == "knn_vector" else made


def _vector(name: str, given: dict[str, Any], nextgen: bool) -> dict[str, Any]:
    method = given.get("Method") or {}
    where = f"Mappings.Properties.{name}"
    dimension = str(given.get("Dimension", ""))
    if not dimension.isdigit() or not 1 <= int(dimension) <= 16_000:
        raise InvalidIndex(f"{where}.Dimension: a number from 1 to 16000 is needed")
    if given.get("DataType", "float") not in _DATA_TYPES:
        raise InvalidIndex(f"{where}.DataType: not one of {', '.join(_DATA_TYPES)}")
    for space in filter(None, (given.get("SpaceType"), method.get("SpaceType"))):
        if space not in _SPACES:
            raise InvalidIndex(f"{where}: space type {space!r} is not one of {', '.join(_SPACES)}")
    engine = method.get("Engine")
    if engine and nextgen:
        raise InvalidIndex(f"{where}.Method.Engine: a NEXTGEN collection chooses the engine itself")
    if engine not in (None, "faiss"):
        raise InvalidIndex(f"{where}.Method.Engine: {engine!r} is not supported; use faiss")
    parameters = method.get("Parameters") or {}
    made: dict[str, Any] = {"name": method.get("Name", "hnsw")}
    if method.get("SpaceType"):
        made["space_type"] = method["SpaceType"]
    numbers = {"ef_construction": parameters.get("EfConstruction"), "m": parameters.get("M")}
    made["parameters"] = {key: int(value) for key, value in numbers.items() if value is not None}
    return {"dimension": int(dimension), "method": made}


def for_engine(index: dict[str, Any], refresh: str) -> dict[str, Any]:
    """
    A request to create an index, made fit for this engine.

    :param refresh: how long a write stays invisible, whatever the request asks for.
    """
    settings = index.get("settings") or {}
    # `index.knn` may also stand without its group, and as one dotted name.
    inner = {
        **{key.removeprefix("index."): value for key, value in settings.items() if key != "index"},
        **settings.get("index", {}),
    }
    inner |= {"refresh_interval": refresh, "number_of_shards": 1, "number_of_replicas": 0}
    return {**index, "settings": {"index": inner}, "mappings": with_lucene(index.get("mappings") or {})}


def with_lucene(mappings: dict[str, Any]) -> dict[str, Any]:
    """
    Mappings whose vectors are Lucene's.

    The native libraries of the other engines are not in the archive, and asking for them ends the whole process.
    """
    properties = mappings.get("properties")
    return {**mappings, "properties": _with_lucene(properties)} if isinstance(properties, dict) else mappings


def _with_lucene(properties: dict[str, Any]) -> dict[str, Any]:
    made = {}
    for name, given in properties.items():
        item = dict(given) if isinstance(given, dict) else given
        if isinstance(item, dict) and item.get("type") == "knn_vector":
            for unknown in ("mode", "compression_level"):
                item.pop(unknown, None)
            method = item.get("method") or {}
            item["method"] = {"name": "hnsw", **method, "engine": "lucene"}
        elif isinstance(item, dict) and isinstance(item.get("properties"), dict):
            item["properties"] = _with_lucene(item["properties"])
        made[name] = item
    return made


def named_engines(mappings: dict[str, Any]) -> Iterator[str]:
    """The engines that a request's vectors ask for."""
    for item in (mappings.get("properties") or {}).values():
        if isinstance(item, dict):
            engine = (item.get("method") or {}).get("engine")
            if engine:
                yield str(engine)
            yield from named_engines(item)
