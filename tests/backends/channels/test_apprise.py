"""Channels by apprise against real sinks of this machine: up, down, slow, refusing; and what is seen of a secret."""

import logging
from collections.abc import Iterator
from time import monotonic

import pytest

from tests.backends.channels.contract import DOWN, UP, Case, ChannelsContract, letter
from tests.backends.channels.sinks import closed_port, mail_server, silent_server, web_hook
from web4_agent.backends.channels.addresses import read_addresses
from web4_agent.backends.channels.apprise_channel import AppriseChannels
from web4_agent.backends.channels.apprise_child import trouble_of
from web4_agent.backends.channels.base import Letter, OutcomeState

SECRET = "hunter2secret"


def channels(**urls: str) -> AppriseChannels:
    return AppriseChannels(read_addresses(" ".join(f"{name}={url}" for name, url in urls.items()), "a test"))


def mailto(port: int) -> str:
    return f"mailto://127.0.0.1:{port}?mode=insecure&from=agent@example.org&to=team@example.org"


class TestAppriseChannels(ChannelsContract):
    @pytest.fixture
    def case(self) -> Iterator[Case]:
        with web_hook() as hook:
            made = channels(
                up=f"json://user:{SECRET}@127.0.0.1:{hook.port}/{SECRET}", down=f"json://127.0.0.1:{closed_port()}/"
            )
            assert made.names == (UP, DOWN)
            yield Case(made, lambda: [body["title"] for body in hook.bodies])


def test_up_down_slow_and_refusing_sinks_at_once_each_have_their_own_outcome(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A hook or a mail server that never answers holds up none of the others, and ends at the time limit."""
    with (
        caplog.at_level(logging.DEBUG),
        web_hook() as good,
        web_hook(403) as refusing,
        web_hook(None) as slow,
        mail_server() as mail,
        mail_server("554 no such thing here") as strict,
        silent_server() as mute,
    ):
        made = channels(
            good=f"json://user:{SECRET}@127.0.0.1:{good.port}/{SECRET}?+X-Token={SECRET}",
            refusing=f"json://127.0.0.1:{refusing.port}/{SECRET}",
            slow=f"json://127.0.0.1:{slow.port}/{SECRET}",
            down=f"json://127.0.0.1:{closed_port()}/{SECRET}",
            mail=mailto(mail.port),
            strict=mailto(strict.port),
            mute=mailto(mute),
            nonsense=f"nosuchthing://{SECRET}",
        )
        started = monotonic()
        found = dict(
            zip(made.names, made.send([letter(at, name) for at, name in enumerate(made.names)], 3), strict=True)
        )
        took_s = monotonic() - started
    assert took_s < 5
    assert {name: one.trouble for name, one in found.items()} == {
        "good": "",
        "refusing": "the channel answered 403",
        "slow": "no answer within 3 s",
        "down": "the connection was refused",
        "mail": "",
        "strict": "the channel answered 554",
        "mute": "no answer within 3 s",
        "nonsense": "the address is not one that apprise knows",
    }
    assert [one.state for one in found.values()].count(OutcomeState.SENT) == 2
    assert good.bodies[0]["title"] == "subject 0"
    (mailed,) = mail.mails
    assert mailed["subject"] == "subject 4"
    html = mailed.get_body(("html",))
    assert html is not None
    assert "<strong>What happened:</strong>" in html.get_content()
    told = capfd.readouterr()
    assert SECRET not in caplog.text + told.out + told.err + repr(made) + repr(found)


def test_a_child_that_dies_at_once_is_an_outcome() -> None:
    made = AppriseChannels(read_addresses("ops=json://127.0.0.1:9/", "a test"), child="web4_agent.no_such_module")
    (outcome,) = made.send([Letter(1, made.names[0], "s", "t", "m")], 5)
    assert outcome.state is OutcomeState.FAILED


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([f"Failed to send to https://x/{SECRET}: Forbidden, error=403."], "the channel answered 403"),
        ([f"Socket Exception: [Errno 111] Connection refused {SECRET}"], "the connection was refused"),
        ([f"Socket Exception: (554, b'5.7.1 {SECRET}')"], "the channel answered 554"),
        ([f"Failed to resolve '{SECRET}.example.org'"], "its host is not known"),
        ([SECRET], "the channel did not take it"),
        ([], "the channel did not take it"),
    ],
)
def test_of_what_the_library_says_only_signs_are_passed_on(messages: list[str], said: str) -> None:
    assert trouble_of(messages) == said
