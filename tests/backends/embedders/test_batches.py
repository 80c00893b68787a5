from hypothesis import given
from hypothesis import strategies as some

from web4_agent.backends.embedders.minilm_onnx import batches_by_length


@given(lengths=some.lists(some.integers(min_value=0, max_value=300), max_size=80))
def test_every_text_is_in_one_batch_and_no_batch_is_larger_than_its_limit(lengths: list[int]) -> None:
    batches = list(batches_by_length(lengths, tokens_per_batch=512))
    assert sorted(position for batch in batches for position in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) * max(lengths[position] for position in batch) <= 512


def test_texts_of_like_length_meet() -> None:
    assert list(batches_by_length([2, 250, 3, 240], tokens_per_batch=500)) == [[1, 3], [2, 0]]


def test_a_text_longer_than_a_batch_goes_alone() -> None:
    assert list(batches_by_length([9, 1], tokens_per_batch=4)) == [[0], [1]]
