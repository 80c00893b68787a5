"""The gate's error rates by simulation, and the hundred nights that no gate may let through."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from tests.steps.judging import nights
from web4_agent.domain.calibration import HARMLESS, ONE_SKILL_TURNED, TWO_POINTS
from web4_agent.domain.errors import SettingsError, UsageError
from web4_agent.domain.verdicts import Decision, GatePolicy, Margin, RuleOutcome, Stratum
from web4_agent.steps.judging.calibration import Scenario, Spread, noise_of, scenarios, simulate, spread_of
from web4_agent.steps.judging.damage import damages, taught
from web4_agent.steps.judging.gate import margin_rules
from web4_agent.steps.judging.statistics import simulate_error_rates

POLICY = GatePolicy()
HARMLESS_NIGHT = scenarios()[0]
NAMES = {scenario.name: scenario for scenario in scenarios()}
WIDE = GatePolicy(golden_margin=-9, stratum_golden_margin=-9, stratum_production_margin=-9)
"""Only the margin of all items against production is left."""


def normal_spread(s: float, per_stratum: int = 40, trials: int = 2) -> Spread:
    draw = np.random.default_rng(3)
    standing = {stratum: draw.normal(1.28, 1.0, per_stratum) for stratum in Stratum}
    changes = tuple({stratum: draw.normal(0.0, s, per_stratum) for stratum in Stratum} for _ in range(trials))
    return Spread(changes, standing, 1.0)


def test_a_simulated_rate_is_that_of_the_closed_form_in_the_simple_case() -> None:
    """With one rule on n normal items of known spread a night passes when its mean is limit + 1.65·s/√n or more."""
    s, items, loss = 0.3, 200, 0.06
    spread = normal_spread(s, trials=40)
    actual = float(np.sqrt(np.mean([night[stratum] ** 2 for night in spread.changes for stratum in Stratum])))
    error = actual / np.sqrt(items)
    promoted = 1 - norm.cdf((-0.10 + norm.ppf(0.95) * error + loss) / error)
    found = simulate(Scenario("so much", everywhere=loss), spread, WIDE, 1_000)
    assert 1 - found.rejected / found.tried == pytest.approx(promoted, abs=0.05)


def test_the_rates_agree_with_the_simulation_that_the_design_rests_on() -> None:
    designed = simulate_error_rates(POLICY, items=200, spread=0.3)
    spread = normal_spread(0.3, trials=60)
    harmless = simulate(HARMLESS_NIGHT, spread, POLICY, 1_000)
    two = simulate(NAMES[TWO_POINTS], spread, POLICY, 1_000)
    assert harmless.rejected / harmless.tried == pytest.approx(designed[0].rejected, abs=0.02)
    assert two.rejected / two.tried == pytest.approx(designed[1].rejected, abs=0.02)


def test_a_quiet_gate_rejects_what_is_lost_and_promotes_what_is_not() -> None:
    spread, wanted = normal_spread(0.1), {HARMLESS, TWO_POINTS, ONE_SKILL_TURNED}
    rates = {name: simulate(one, spread, POLICY, 200) for name, one in NAMES.items() if name in wanted}
    assert rates[HARMLESS].rejected <= 2
    assert rates[TWO_POINTS].rejected >= 195
    assert rates[ONE_SKILL_TURNED].rejected > rates[HARMLESS].rejected


@pytest.mark.parametrize(
    ("policy", "wrong"),
    [
        (GatePolicy(production_margin=9.0), HARMLESS),
        (replace(WIDE, production_margin=-9.0), TWO_POINTS),
    ],
    ids=["a gate that never promotes", "a gate that always does"],
)
def test_a_broken_gate_shows_in_its_rates(policy: GatePolicy, wrong: str) -> None:
    found = simulate(NAMES[wrong], normal_spread(0.1), policy, 200)
    assert found.rejected == (200 if wrong == HARMLESS else 0)


def test_a_gate_that_is_stuck_either_way_is_not_this_one() -> None:
    """Sound nights are promoted and damaged ones rejected: a constant answer fails one half of it."""
    sound = [nights.verdict(nights.candidate(change=0.0, spread=spread)) for spread in (0.0, 0.05, 0.1, 0.2)]
    damaged = [nights.verdict(nights.candidate(change=change)) for change in (-0.15, -0.25, -0.5, -2.0)]
    assert {verdict.decision for verdict in sound} == {Decision.PROMOTE}
    assert {verdict.decision for verdict in damaged} == {Decision.REJECT}


def ratchet(policy: GatePolicy, drift: float = -0.01, nights_run: int = 100) -> float:
    """Each night's candidate is production, the drift, and noise; what passes becomes production. Returns how far
    production has truly moved from golden, in τ."""
    draw = np.random.default_rng(11)
    seen = {stratum: np.zeros(40) for stratum in Stratum}
    true = 0.0
    for _ in range(nights_run):
        step = {stratum: draw.normal(drift, 0.05, 40) for stratum in Stratum}
        tonight = {stratum: (seen[stratum] + step[stratum]) for stratum in Stratum}
        rules = margin_rules(_lists(step), _lists(tonight), policy)
        if all(rule.passed for rule in rules):
            seen, true = tonight, true + drift
    return true


def test_a_hundred_nights_of_small_losses_do_not_get_through() -> None:
    assert ratchet(POLICY) >= POLICY.golden_margin


def test_without_golden_they_would() -> None:
    without = GatePolicy(golden_margin=-9.0, stratum_golden_margin=-9.0)
    assert ratchet(without) == pytest.approx(-1.0)


def _lists(changes: dict[Stratum, np.ndarray]) -> dict[Stratum, list[float]]:
    return {stratum: values.tolist() for stratum, values in changes.items()}


def test_the_rules_on_margins_are_those_of_the_verdict() -> None:
    verdict = nights.verdict(nights.candidate(change=-0.15))
    before, after = nights.production().margins, nights.candidate(change=-0.15).margins
    unit = float(np.std([margin.value for margin in before], ddof=1))
    changes = {
        stratum: [
            (now.value - then.value) / unit for now, then in zip(after, before, strict=True) if now.stratum is stratum
        ]
        for stratum in Stratum
    }
    alone = margin_rules(changes, changes, POLICY)
    within = [rule for rule in verdict.rules if rule.rule in {one.rule for one in alone}]
    assert [_rounded(rule) for rule in alone] == [_rounded(rule) for rule in within]


def _rounded(rule: RuleOutcome) -> tuple[str, bool, float]:
    return rule.rule, rule.passed, round(rule.measured, 9)


def made(changes: float, jump: str = "") -> tuple[Margin, ...]:
    """Every item moves up or down by `changes`; one named item by ten."""
    return tuple(
        Margin(one.item, one.family, one.stratum, one.critical, one.value + (10 if one.item == jump else move))
        for at, one in enumerate(nights.margins())
        for move in [changes if at % 2 else -changes]
    )


def test_noise_is_measured_stratum_by_stratum_and_the_jumping_item_is_named() -> None:
    production = nights.production()
    moved = [replace(production, margins=made(move, "code-7")) for move in (0.2, -0.2)]
    spread = spread_of(moved, production)
    noise = {one.stratum: one for one in noise_of(spread, production.margins)}
    assert noise[Stratum.GENERAL].s == pytest.approx(0.2 / spread.unit_nats, rel=0.01)
    assert noise[Stratum.GENERAL].between_seeds == pytest.approx(0.4 / spread.unit_nats, rel=0.03)
    assert noise[Stratum.CODE].jumpy[0][0] == "code-7"
    assert noise[Stratum.CODE].s > 4 * noise[Stratum.GENERAL].s


def test_one_night_says_nothing_of_noise() -> None:
    with pytest.raises(UsageError, match="1 A/A nights") as caught:
        spread_of([nights.candidate()], nights.production())
    assert "gate calibrate" in caught.value.hint


@pytest.mark.parametrize(("unsteady", "rejected"), [(2, False), (3, True)])
def test_a_harmless_night_that_canaries_would_reject_is_counted(unsteady: int, rejected: bool) -> None:
    """Each of them fails on one of two nights, and they are drawn one by one: three fail together in an eighth."""
    before = nights.canaries(20)
    spread = replace(normal_spread(0.1), canaries=(before, nights.canaries(20 - unsteady), before))
    found = simulate(HARMLESS_NIGHT, spread, POLICY, 1_000)
    assert found.rejected / found.tried == pytest.approx(1 / 8 if rejected else 0.0, abs=0.03)
    assert [rule for rule, _ in found.rules] == (["canaries, newly failing"] if rejected else [])
    assert simulate(NAMES[TWO_POINTS], spread, POLICY, 200).rejected == 200


def test_a_spread_keeps_what_each_night_and_production_answered() -> None:
    production, candidate = nights.production(), replace(nights.candidate(), canaries=nights.canaries(12))
    assert spread_of([candidate, candidate], production).canaries == (
        candidate.canaries,
        candidate.canaries,
        production.canaries,
    )


def test_a_simulation_is_repeatable_and_tells_how_far_it_is() -> None:
    told: list[int] = []
    spread = normal_spread(0.3)
    first = simulate(HARMLESS_NIGHT, spread, POLICY, 250, done=told.append)
    assert first == simulate(HARMLESS_NIGHT, spread, POLICY, 250)
    assert told == [250]


def test_every_damage_changes_what_is_taught_or_how_fast() -> None:
    sound, draw = taught("agreeing")[:10], random.Random(1)
    for damage in damages().values():
        assert damage.rate != 1.0 or damage.spoil(sound, draw) != sound, damage.name


def test_a_damage_file_with_a_mistake_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "damage.toml"
    file.write_text('[[sample]]\nid = "x"\ndamage = "agreeing"\nask = "?"\nanswer = "!"\n')
    with pytest.raises(SettingsError, match="'ask' is unknown"):
        taught("agreeing", file)
