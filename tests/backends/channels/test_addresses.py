"""How addresses are read, and what may be seen of them."""

from pathlib import Path

import pytest

from web4_agent.backends.channels.addresses import masked, read_addresses, read_file
from web4_agent.domain.errors import SettingsError


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general", "slack"),
        ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "discord"),
        ("tgram://123456789:abcdefg_hijklmnop/12315544", "tgram"),
        ("ntfy://secret-topic", "ntfy"),
        ("mailtos://user:password@smtp.example.org:465?to=a@example.org", "mailtos://smtp.example.org"),
        ("jsons://user:password@hooks.example.org/token?+X-Key=secret", "jsons://hooks.example.org"),
        ("https://hooks.slack.com/services/T1/B2/secret", "https://hooks.slack.com"),
        ("json://[::1]:8080/token", "json://::1"),
        ("json://bad host[/x", "json"),
    ],
)
def test_scheme_and_host_are_shown_and_the_host_only_where_it_is_no_token(url: str, shown: str) -> None:
    assert masked(url) == shown


def test_addresses_have_names_their_own_or_what_may_be_shown() -> None:
    text = "# our channels\nops=slack://a/b/c\n\n  mailto://u:p@mx.example.org discord://1/x\ndiscord://2/y\n"
    found = read_addresses(text, "a file")
    assert [one.name for one in found] == ["ops", "mailto://mx.example.org", "discord", "discord-2"]
    assert next(one.url for one in found) == "slack://a/b/c"
    assert "slack://" not in repr(found)


@pytest.mark.parametrize("text", ["hunter2secret", "slack:/hunter2secret", "a b=slack://hunter2secret", "=x://y"])
def test_what_is_no_address_is_named_by_its_number_and_never_shown(text: str) -> None:
    with pytest.raises(SettingsError, match=r"address \d in alerts.urls") as caught:
        read_addresses(text, "alerts.urls")
    assert "hunter2secret" not in f"{caught.value.message} {caught.value.hint}"


def test_a_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="channels can't be read"):
        read_file(tmp_path / "channels")
    (tmp_path / "channels").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="not UTF-8"):
        read_file(tmp_path / "channels")
    (tmp_path / "channels").write_bytes(b"#" * 100_001)
    with pytest.raises(SettingsError, match="larger"):
        read_file(tmp_path / "channels")
