import pytest

from tests.backends.vectors.contract import VectorStoreContract
from web4_agent.backends.vectors.base import VectorStore
from web4_agent.backends.vectors.memory import MemoryStore


class TestMemoryStore(VectorStoreContract):
    @pytest.fixture
    def store(self) -> VectorStore:
        return MemoryStore()
