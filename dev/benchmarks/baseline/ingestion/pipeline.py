"""The pipeline in LangChain's documentation: load, split, embed sequentially, store.

`python -m dev.benchmarks.baseline.ingestion.pipeline PDF` prints its figures as JSON. `--pages` limits the pages;
`--load-only` loads the file only.
"""

import argparse
import json
import time
from itertools import islice

from langchain_community.document_loaders import PyPDFLoader
from langchain_community.vectorstores import OpenSearchVectorSearch
from langchain_core.embeddings import Embeddings
from langchain_text_splitters import RecursiveCharacterTextSplitter

from dev.benchmarks.ingestion.memory import peak_megabytes
from dev.benchmarks.ingestion.model import answer


class SequentialEmbeddings(Embeddings):
    """Sequential calls, as in langchain-community's `BedrockEmbeddings`."""

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self.seconds = 0.0

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        started = time.perf_counter()
        vectors = [self.embed_query(text) for text in texts]
        self.seconds += time.perf_counter() - started
        return vectors

    def embed_query(self, text: str) -> list[float]:
        vector: list[float] = json.loads(answer(text, self._dimensions))["embedding"]
        return vector


def main() -> None:
    arguments = _arguments()
    answer("", arguments.dimensions, 0)  # warms up the mock model
    started = time.perf_counter()
    loader = PyPDFLoader(arguments.pdf)
    pages = list(islice(loader.lazy_load(), arguments.pages)) if arguments.pages else loader.load()
    loaded = time.perf_counter()
    figures = {"pages": len(pages), "seconds": {"extract": loaded - started}, "chunks": 0}
    if not arguments.load_only:
        chunks = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200).split_documents(pages)
        split = time.perf_counter()
        embeddings = SequentialEmbeddings(arguments.dimensions)
        store = OpenSearchVectorSearch(arguments.endpoint, arguments.index, embeddings)
        store.add_documents(chunks, bulk_size=len(chunks), engine="lucene", space_type="cosinesimil")
        stored = time.perf_counter() - split - embeddings.seconds
        figures["seconds"] |= {"chunk": split - loaded, "embed": embeddings.seconds, "store": stored}
        figures["chunks"] = len(chunks)
    print(json.dumps({**figures, "peakMb": peak_megabytes()}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("pdf")
    parser.add_argument("--endpoint")
    parser.add_argument("--index")
    parser.add_argument("--dimensions", type=int, default=1024)
    parser.add_argument("--pages", type=int)
    parser.add_argument("--load-only", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
