"""The configurations that ship, each played against the gateway in the requests its program is documented to send."""

import json
from typing import Any

import pytest
import yaml

from tests.gateway.running import Running
from web4_agent.domain.errors import UsageError
from web4_agent.steps.client_files import NAMES, client_file


def test_an_unknown_program_is_told_which_there_are() -> None:
    with pytest.raises(UsageError, match="emacs") as caught:
        client_file("emacs")
    assert all(name in caught.value.hint for name in NAMES)


def test_continue_chats_with_tools_and_embeds(gateway: Running) -> None:
    chat, embed = yaml.safe_load(client_file("continue", gateway.url))["models"]
    assert (chat["provider"], set(chat["roles"])) == ("openai", {"chat", "edit", "apply"})
    path = chat["apiBase"].removeprefix(gateway.url)
    tools = [{"type": "function", "function": {"name": "ls", "parameters": {"type": "object", "properties": {}}}}]
    body: dict[str, Any] = {
        "model": chat["model"],
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "Where is the gate?"}],
        "stream": True,
        "max_tokens": 512,
        "tools": tools,
        "parallel_tool_calls": False,
    }
    key = {"authorization": f"Bearer {chat['apiKey']}", "api-key": chat["apiKey"]}
    assert "[DONE]" in gateway.post(f"{path}/chat/completions", body, **key).text
    asked = {"input": ["a chunk of code"], "model": embed["model"]}
    assert gateway.post(f"{path}/embeddings", asked, **key).json()["data"][0]["embedding"]


def test_open_webui_lists_the_models_and_chats(gateway: Running) -> None:
    lines = [line for line in client_file("open-webui", gateway.url).splitlines() if not line.startswith("#")]
    variables = dict(line.split("=", 1) for line in lines)
    path = variables["OPENAI_API_BASE_URL"].removeprefix(gateway.url)
    key = {"authorization": f"Bearer {variables['OPENAI_API_KEY']}"}
    models = gateway.get(f"{path}/models", **key).json()["data"]
    body = {
        "model": models[0]["id"],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Where is the gate?"}]}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "metadata": {"chat_id": "1"},
        "user": {"name": "anna"},
    }
    assert '"usage"' in gateway.post(f"{path}/chat/completions", body, **key).text


def test_vs_code_checks_the_version_reads_the_models_and_chats(gateway: Running) -> None:
    endpoint = json.loads(client_file("vscode", gateway.url))["github.copilot.chat.byok.ollamaEndpoint"]
    assert endpoint == gateway.url
    version = gateway.get("/api/version").json()["version"]
    assert tuple(map(int, version.split("."))) >= (0, 6, 4)
    for model in gateway.get("/api/tags").json()["models"]:
        shown = gateway.post("/api/show", {"model": model["model"]}).json()
        info = shown["model_info"]
        assert info["general.basename"]
        assert info[f"{info['general.architecture']}.context_length"] > 0
        assert isinstance(shown["capabilities"], list)
    body = {
        "model": "web4-agent:latest",
        "messages": [{"role": "user", "content": "Where is the gate?"}],
        "stream": True,
        "temperature": 0.1,
        "top_p": 1,
        "n": 1,
        "max_tokens": 2048,
        "tool_choice": "auto",
        "tools": [{"type": "function", "function": {"name": "read_file", "description": "", "parameters": {}}}],
    }
    assert "[DONE]" in gateway.post("/v1/chat/completions", body).text
