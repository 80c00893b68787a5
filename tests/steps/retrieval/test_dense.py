import numpy as np
import pytest
from numpy.typing import NDArray

from web4_agent.steps.retrieval import dense
from web4_agent.steps.retrieval.dense import Vectors


def directions(count: int, dimension: int = 96) -> NDArray[np.float32]:
    """Clusters, as texts make them, all on one side of the origin."""
    rng = np.random.default_rng(5)
    centres = 1.0 + rng.standard_normal((40, dimension), dtype=np.float32)
    drawn = centres[rng.integers(40, size=count)] + 0.5 * rng.standard_normal((count, dimension), dtype=np.float32)
    unit: NDArray[np.float32] = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return unit


def test_few_rows_are_compared_exactly() -> None:
    unit = directions(500)
    rows, near = Vectors.of(unit).nearest(unit[7], 5)
    assert list(rows) == list(np.argsort(-(unit @ unit[7]), kind="stable")[:5])
    assert near[0] == pytest.approx(1.0, abs=1e-5)


def test_a_shortlist_by_signs_holds_nearly_all_that_is_near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "EXACT_ROWS", 100)
    monkeypatch.setattr(dense, "SHORTLIST", 400)
    unit = directions(8_000)
    vectors = Vectors.of(unit)
    shares = []
    for row in range(0, 8_000, 400):
        truth = set(np.argsort(-(unit @ unit[row]), kind="stable")[:20].tolist())
        found, _ = vectors.nearest(unit[row], 20)
        shares.append(len(truth & set(found.tolist())) / 20)
    assert np.mean(shares) > 0.95


def test_only_rows_that_are_kept_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "EXACT_ROWS", 100)
    monkeypatch.setattr(dense, "SHORTLIST", 200)
    unit = directions(3_000)
    kept = np.zeros(3_000, dtype=np.bool_)
    kept[::3] = True
    rows, _ = Vectors.of(unit).nearest(unit[1], 50, kept)
    assert len(rows) == 50
    assert all(row % 3 == 0 for row in rows)
    assert len(Vectors.of(unit).nearest(unit[1], 50, np.zeros(3_000, dtype=np.bool_))[0]) == 0


def test_no_rows_are_no_error() -> None:
    rows, near = Vectors.of(np.zeros((0, 8), dtype=np.float32)).nearest(np.ones(8, dtype=np.float32), 3)
    assert len(rows) == len(near) == 0
