import threading

from web4_agent.domain.ids import ChunkId, ContentHash, DocumentId
from web4_agent.steps.retrieval.hot import HotDocument, HotDocuments


def version(content_hash: str) -> HotDocument:
    return HotDocument(ContentHash(content_hash), {ChunkId("c"): f"text of {content_hash}"})


def ask(hot: HotDocuments, document: str, content_hash: str = "1") -> bool:
    entry, was_hot = hot.get(DocumentId(document), ContentHash(content_hash), lambda: version(content_hash))
    assert entry.content_hash == content_hash
    return was_hot


def test_a_document_is_read_once_and_counted() -> None:
    hot = HotDocuments(10)
    assert [ask(hot, "a") for _ in range(3)] == [False, True, True]
    assert (hot.hits, hot.misses) == (2, 1)


def test_another_version_is_read_anew() -> None:
    hot = HotDocuments(10)
    assert [ask(hot, "a", "1"), ask(hot, "a", "2"), ask(hot, "a", "2")] == [False, False, True]


def test_the_one_not_asked_for_longest_goes_first() -> None:
    hot = HotDocuments(2)
    for document in ("a", "b", "a", "c"):
        ask(hot, document)
    assert [ask(hot, "a"), ask(hot, "c"), ask(hot, "b")] == [True, True, False]
    assert len(hot) == 2


def test_threads_never_meet_a_wrong_version_or_grow_the_cache() -> None:
    hot = HotDocuments(5)

    def work() -> None:
        for number in range(500):
            ask(hot, str(number % 9), str(number % 3))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(hot) <= 5
    assert hot.hits + hot.misses == 2000
