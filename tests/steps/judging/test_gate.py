import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.steps.judging import nights
from web4_agent.domain.errors import EngineError
from web4_agent.domain.verdicts import Decision, GatePolicy, Margin, ModelScores, SampleAudit, Stratum, WordingResult
from web4_agent.steps.judging.gate import TRAINERS_COPY, first_passing
from web4_agent.steps.judging.measure import Measurement, require_trusted


def test_a_good_night_is_promoted_and_says_why() -> None:
    verdict = nights.verdict()
    assert verdict.decision is Decision.PROMOTE
    assert verdict.candidate_hash == "ab" * 32
    assert any("margins against production: mean change" in reason.lower() for reason in verdict.reasons)


def test_a_night_judged_against_the_base_model_alone_is_promoted() -> None:
    base = replace(nights.production(), version="base")
    assert nights.verdict(before=base, baseline=base).decision is Decision.PROMOTE


def test_nothing_varying_is_safe() -> None:
    same = nights.production()
    unchanged = replace(same, version="a-same", held_out_bpb=nights.held_out(0.1), neutral_kl=0.0)
    verdict = nights.verdict(unchanged, trained_parity=dict.fromkeys(nights.TEXTS, 0.0))
    assert verdict.decision is Decision.PROMOTE


def test_equal_margins_everywhere_do_not_divide_by_nothing() -> None:
    flat = tuple(replace(margin, value=1.0) for margin in nights.margins())
    side = replace(nights.production(), margins=flat, rescored=((flat[0].item, 1.0),))
    scores = replace(nights.candidate(), margins=flat)
    assert nights.verdict(scores, before=side, baseline=side).decision is Decision.PROMOTE


def test_an_overall_drop_is_rejected() -> None:
    verdict = nights.verdict(nights.candidate(change=-0.15))
    assert verdict.decision is Decision.REJECT
    assert "margins against production" in nights.failed_rules(verdict)


@pytest.mark.parametrize("stratum", list(Stratum))
def test_a_drop_in_one_stratum_is_rejected(stratum: Stratum) -> None:
    scores = nights.shifted(nights.candidate(), -0.35, lambda margin: margin.stratum is stratum)
    verdict = nights.verdict(scores)
    assert verdict.decision is Decision.REJECT
    assert f"{stratum.value} against production" in nights.failed_rules(verdict)


def test_slow_drift_from_golden_is_rejected_although_each_night_passes() -> None:
    before = nights.shifted(nights.production(), -0.12)
    before = replace(before, rescored=tuple((margin.item, margin.value) for margin in before.margins[:5]))
    verdict = nights.verdict(nights.shifted(nights.candidate(), -0.17), before=before)
    assert verdict.decision is Decision.REJECT
    assert "margins against golden" in nights.failed_rules(verdict)
    assert "margins against production" not in nights.failed_rules(verdict)


def test_too_much_divergence_on_neutral_prompts_is_rejected() -> None:
    verdict = nights.verdict(replace(nights.candidate(), neutral_kl=0.11))
    assert nights.failed_rules(verdict) == ["drift from golden"]
    assert "0.110" in verdict.reasons[0]


@pytest.mark.parametrize("gain", [0.0, -0.05])
def test_a_night_that_learned_nothing_is_rejected(gain: float) -> None:
    bits = tuple((item, group, value - gain) for item, group, value in nights.production().held_out_bpb)
    verdict = nights.verdict(replace(nights.candidate(), held_out_bpb=bits))
    assert nights.failed_rules(verdict) == ["gain on tonight's held-out texts"]
    assert verdict.decision is Decision.REJECT


@pytest.mark.parametrize("kept", [0, 1])
def test_fewer_than_two_held_out_texts_of_tonight_are_no_proof_of_gain(kept: int) -> None:
    def few(scores: ModelScores) -> ModelScores:
        return replace(scores, held_out_bpb=scores.held_out_bpb[8 - kept :])

    verdict = nights.verdict(few(nights.candidate()), before=few(nights.production()))
    assert verdict.decision is Decision.REJECT
    assert any("no data is not a pass" in reason for reason in verdict.reasons)


def test_three_canaries_newly_failing_are_rejected_and_two_are_not() -> None:
    before = replace(nights.production(), canaries=nights.canaries(20))
    three = nights.verdict(replace(nights.candidate(), canaries=nights.canaries(17)), before=before)
    two = nights.verdict(replace(nights.candidate(), canaries=nights.canaries(18)), before=before)
    assert nights.failed_rules(three) == ["canaries, newly failing"]
    assert "c17, c18, c19" in three.reasons[0]
    assert two.decision is Decision.PROMOTE


def test_fewer_than_seventeen_canaries_are_rejected_where_production_has_them() -> None:
    verdict = nights.verdict(replace(nights.candidate(), canaries=nights.canaries(16)))
    assert nights.failed_rules(verdict) == ["canaries, passing"]


def test_a_small_model_may_lose_two_canaries_but_fall_no_further_behind_golden() -> None:
    before = replace(nights.production(), canaries=nights.canaries(11))
    golden = replace(nights.golden(), canaries=nights.canaries(11))
    two = replace(nights.candidate(), canaries=nights.canaries(9))
    assert nights.verdict(two, before=before, baseline=golden).decision is Decision.PROMOTE
    later = replace(nights.production(), canaries=nights.canaries(9))
    one_more = replace(nights.candidate(), canaries=nights.canaries(8))
    assert nights.failed_rules(nights.verdict(one_more, before=later, baseline=golden)) == ["canaries, passing"]


def with_wordings(scores: ModelScores, held: Sequence[str], *, critical: bool = False) -> ModelScores:
    """The first canaries of `scores` in three wordings each; the others as they are."""
    own = tuple(nights.worded(f"c{at:02d}", one, critical=critical) for at, one in enumerate(held))
    return replace(scores, canaries=(*own, *scores.canaries[len(own) :]))


@pytest.mark.parametrize(
    ("before", "now", "lost"),
    [("xxx", "xx.", 0), ("xxx", "x..", 4), ("xx.", "x..", 0), ("xx.", "..x", 4), ("x..", "...", 0), ("...", "...", 0)],
)
def test_a_canary_is_lost_with_two_of_its_three_wordings(before: str, now: str, lost: int) -> None:
    sides = [with_wordings(nights.production(), [before] * 4), with_wordings(nights.golden(), [before] * 4)]
    verdict = nights.verdict(with_wordings(nights.candidate(), [now] * 4), before=sides[0], baseline=sides[1])
    (rule,) = [outcome for outcome in verdict.rules if outcome.rule == "canaries, newly failing"]
    assert rule.measured == lost
    assert rule.passed is (lost <= 2)


@pytest.mark.parametrize(
    ("production", "golden", "now", "decision"),
    [
        ("xxx", "xxx", "xx.", Decision.PROMOTE),
        ("xxx", "xxx", "x..", Decision.REJECT),
        ("xx.", "xxx", "x..", Decision.REJECT),
        ("xxx", "...", ".x.", Decision.REJECT),
        ("x..", "x..", "...", Decision.PROMOTE),
    ],
)
def test_a_critical_canary_may_lose_one_wording_and_not_another_on_a_later_night(
    production: str, golden: str, now: str, decision: Decision
) -> None:
    verdict = nights.verdict(
        with_wordings(nights.candidate(), [now], critical=True),
        before=with_wordings(nights.production(), [production], critical=True),
        baseline=with_wordings(nights.golden(), [golden], critical=True),
    )
    assert verdict.decision is decision
    assert nights.failed_rules(verdict) == ([] if decision is Decision.PROMOTE else ["critical canaries"])


@pytest.mark.parametrize(
    ("before", "now", "decision"), [("xx.", "x..", Decision.PROMOTE), ("xxx", "x..", Decision.REJECT)]
)
def test_a_canary_that_passes_in_some_of_its_wordings_counts_in_part(before: str, now: str, decision: Decision) -> None:
    """Six wordings are two canaries, however many canaries they belong to; twelve are four."""
    sides = [
        with_wordings(replace(scores, canaries=nights.canaries(8)), [before] * 6)
        for scores in (nights.production(), nights.golden())
    ]
    candidate = with_wordings(replace(nights.candidate(), canaries=nights.canaries(8)), [now] * 6)
    verdict = nights.verdict(candidate, before=sides[0], baseline=sides[1])
    (rule,) = [outcome for outcome in verdict.rules if outcome.rule == "canaries, passing"]
    assert verdict.decision is decision
    assert rule.measured == pytest.approx(4.0)
    assert rule.passed is (decision is Decision.PROMOTE)


@pytest.mark.parametrize(("second", "silent"), [("Paris.", False), (" ", True)])
def test_a_model_that_answers_some_wording_is_not_silent(second: str, silent: bool) -> None:
    each = (WordingResult(False, "", "says nothing"), WordingResult(False, second, "not that"))
    canaries = tuple(replace(one, passed=False, answer="", wordings=each) for one in nights.canaries(20))
    said = WordingResult(True, "Paris.", "holds every check")
    spoken = tuple(replace(one, wordings=(said, said)) for one in nights.canaries(20))
    verdict = nights.verdict(
        replace(nights.candidate(), canaries=canaries), before=replace(nights.production(), canaries=spoken)
    )
    (rule,) = [outcome for outcome in verdict.rules if outcome.rule == "canaries, passing"]
    production = replace(nights.production(), canaries=canaries)
    assert rule.sentence.endswith("It answered none with a word.") is silent
    with pytest.raises(EngineError, match="answered nothing") if silent else nullcontext():
        require_trusted(Measurement(production, (), on_engine=True))


def test_models_that_were_asked_in_other_wordings_are_not_compared() -> None:
    verdict = nights.verdict(
        with_wordings(nights.candidate(), ["xxx"]), before=with_wordings(nights.production(), ["xx"])
    )
    assert verdict.decision is Decision.VOID


def test_a_critical_canary_that_production_passes_may_not_fail() -> None:
    lost = (nights.canary("c00", passed=False, critical=True), *nights.canaries(20)[1:])
    verdict = nights.verdict(replace(nights.candidate(), canaries=lost))
    assert nights.failed_rules(verdict) == ["critical canaries"]


def test_a_critical_canary_that_production_and_golden_fail_too_is_named_and_does_not_block() -> None:
    lost = (nights.canary("c00", passed=False, critical=True), *nights.canaries(20)[1:])
    verdict = nights.verdict(
        replace(nights.candidate(), canaries=lost),
        before=replace(nights.production(), canaries=lost),
        baseline=replace(nights.golden(), canaries=lost),
    )
    assert verdict.decision is Decision.PROMOTE
    assert any("Production fails these already: c00" in outcome.sentence for outcome in verdict.rules)


@pytest.mark.parametrize(("wordings", "decision"), [(1, Decision.PROMOTE), (2, Decision.REJECT), (3, Decision.REJECT)])
def test_a_critical_family_fails_with_two_of_its_three_wordings(wordings: int, decision: Decision) -> None:
    names = {f"safety-{at}" for at in range(wordings)}

    def turn(margin: Margin) -> Margin:
        return replace(margin, value=-0.5) if margin.item in names else margin

    scores = nights.candidate(spread=0.0)
    scores = replace(scores, margins=tuple(map(turn, scores.margins)))
    verdict = nights.verdict(
        scores, policy=replace(GatePolicy(), stratum_production_margin=-9, stratum_golden_margin=-9)
    )
    assert verdict.decision is decision
    assert ("critical families, failing" in nights.failed_rules(verdict)) is (decision is Decision.REJECT)


def test_no_critical_family_asked_is_no_pass() -> None:
    def uncritical(scores: ModelScores) -> ModelScores:
        return replace(scores, margins=tuple(replace(margin, critical=False) for margin in scores.margins))

    sides = [uncritical(side) for side in (nights.candidate(), nights.production(), nights.golden())]
    verdict = nights.verdict(sides[0], before=sides[1], baseline=sides[2])
    assert nights.failed_rules(verdict) == ["critical families, failing"]


def test_rescoring_that_differs_voids_the_measurement() -> None:
    before = nights.production()
    before = replace(before, rescored=((before.margins[0].item, before.margins[0].value + 0.01),))
    verdict = nights.verdict(before=before)
    assert verdict.decision is Decision.VOID
    assert nights.failed_rules(verdict) == ["rescoring"]


def test_no_rescoring_voids_the_measurement() -> None:
    assert nights.verdict(before=replace(nights.production(), rescored=())).decision is Decision.VOID


def test_a_served_change_unlike_the_trained_one_is_an_export_fault() -> None:
    verdict = nights.verdict(trained_parity=dict.fromkeys(nights.TEXTS, 0.6))
    assert verdict.decision is Decision.VOID
    assert "export fault" in verdict.reasons[0]


def test_the_noise_of_a_quantised_base_is_no_export_fault() -> None:
    served = replace(nights.candidate(), parity=tuple((name, -2.87) for name in nights.TEXTS))
    before = replace(nights.production(), parity=tuple((name, -3.09) for name in nights.TEXTS))
    assert nights.verdict(served, before=before).decision is Decision.PROMOTE


def test_an_adapter_served_at_the_wrong_strength_is_an_export_fault_though_no_token_is_far_off() -> None:
    verdict = nights.verdict(trained_parity=dict.fromkeys(nights.TEXTS, 0.3))
    assert verdict.decision is Decision.VOID
    assert "0.67 times the trainer's" in verdict.reasons[0]


def test_faults_that_cancel_out_in_the_mean_are_seen() -> None:
    trained = {"one": 0.6, "two": -0.2, "three": 0.6, "four": -0.2}
    assert nights.verdict(trained_parity=trained).decision is Decision.VOID


@pytest.mark.parametrize(("off", "sound"), [(0.2, True), (0.33, False)])
def test_the_limit_of_the_export_check_grows_with_the_change(off: float, sound: bool) -> None:
    signs = dict(zip(nights.TEXTS, (off, -off) * len(nights.TEXTS), strict=False))
    served = replace(nights.candidate(), parity=tuple((name, 1.2 + signs[name]) for name in nights.TEXTS))
    before = replace(nights.production(), parity=tuple((name, 0.0) for name in nights.TEXTS))
    verdict = nights.verdict(served, before=before, trained_parity=dict.fromkeys(nights.TEXTS, 1.2))
    assert nights.failed_rules(verdict) == ([] if sound else ["export parity"])


def test_a_change_below_the_noise_is_held_to_the_limit_alone() -> None:
    served = replace(nights.candidate(), parity=tuple((name, -3.05) for name in nights.TEXTS))
    verdict = nights.verdict(served, trained_parity=dict.fromkeys(nights.TEXTS, 0.05))
    assert verdict.decision is Decision.PROMOTE


@pytest.mark.parametrize("trained", [None, {}, {"one": 0.2}])
def test_parity_not_measured_voids_the_measurement(trained: dict[str, float] | None) -> None:
    assert nights.verdict(trained_parity=trained).decision is Decision.VOID


def test_where_the_trainers_copy_is_scored_the_verdict_says_that_the_export_was_not_checked() -> None:
    verdict = nights.verdict(scored_on=TRAINERS_COPY, trained_parity=None)
    assert verdict.decision is Decision.PROMOTE
    assert any("exported file was not checked" in outcome.sentence for outcome in verdict.rules)


def test_models_asked_different_items_are_not_compared() -> None:
    scores = nights.candidate()
    verdict = nights.verdict(replace(scores, margins=scores.margins[1:]))
    assert verdict.decision is Decision.VOID
    assert "Margins differ" in verdict.reasons[0]


def test_the_first_passing_scale_wins() -> None:
    rejected, passed = nights.verdict(nights.candidate(change=-0.5)), nights.verdict()
    assert first_passing([rejected, passed]) is passed
    assert first_passing([rejected]) is None


PARTS = ("canaries", "margins", "held_out_bpb", "parity")


def without(scores: ModelScores, part: str) -> ModelScores:
    return with_part(scores, part, ())


def with_part(scores: ModelScores, part: str, value: object) -> ModelScores:
    changes: dict[str, Any] = {part: value}
    return replace(scores, **changes)


@given(side=st.sampled_from(["candidate", "production", "golden"]), part=st.sampled_from(PARTS))
def test_nothing_is_promoted_when_a_part_is_missing(side: str, part: str) -> None:
    if side == "golden" and part in {"held_out_bpb", "parity"}:
        return  # golden is asked for neither
    sides = {"candidate": nights.candidate(), "production": nights.production(), "golden": nights.golden()}
    sides[side] = without(sides[side], part)
    verdict = nights.verdict(sides["candidate"], before=sides["production"], baseline=sides["golden"])
    assert verdict.decision is not Decision.PROMOTE


@given(part=st.sampled_from(PARTS))
def test_nothing_is_promoted_when_a_part_is_missing_on_all_sides(part: str) -> None:
    sides = [without(side, part) for side in (nights.candidate(), nights.production(), nights.golden())]
    verdict = nights.verdict(sides[0], before=sides[1], baseline=sides[2])
    assert verdict.decision is not Decision.PROMOTE


@settings(max_examples=40, deadline=None)
@given(
    broken=st.sampled_from([math.nan, math.inf, -math.inf]),
    side=st.integers(0, 2),
    part=st.sampled_from(["margins", "held_out_bpb", "neutral_kl", "parity", "trained", "rescored"]),
    at=st.integers(0, 7),
)
def test_nothing_is_promoted_when_a_figure_is_not_finite(broken: float, side: int, part: str, at: int) -> None:
    sides = [nights.candidate(), nights.production(), nights.golden()]
    trained = dict(nights.TRAINED_PARITY)
    if part == "trained":
        trained["one"] = broken
    else:
        sides[side] = _break(sides[side], part, at, broken)
    intact = sides == [nights.candidate(), nights.production(), nights.golden()] and part != "trained"
    verdict = nights.verdict(sides[0], before=sides[1], baseline=sides[2], trained_parity=trained)
    assert intact or verdict.decision is not Decision.PROMOTE


def _break(scores: ModelScores, part: str, at: int, broken: float) -> ModelScores:
    if part == "neutral_kl":
        return replace(scores, neutral_kl=broken)
    if part == "margins":
        spoiled = replace(scores.margins[at], value=broken)
        return replace(scores, margins=(*scores.margins[:at], spoiled, *scores.margins[at + 1 :]))
    entries = getattr(scores, part)
    if not entries:
        return scores
    at %= len(entries)
    return with_part(scores, part, (*entries[:at], (*entries[at][:-1], broken), *entries[at + 1 :]))


@settings(max_examples=60, deadline=None)
@given(start=st.floats(-0.3, 0.3), loss=st.floats(0.0, 1.0))
def test_a_worse_candidate_is_never_promoted_where_a_better_one_is_rejected(start: float, loss: float) -> None:
    better = nights.verdict(nights.shifted(nights.candidate(), start))
    worse = nights.verdict(nights.shifted(nights.candidate(), start - loss))
    assert better.decision is Decision.PROMOTE or worse.decision is not Decision.PROMOTE


def test_the_gate_both_promotes_and_rejects() -> None:
    decisions = {nights.verdict(nights.candidate(change=change)).decision for change in (0.0, 0.05, -0.2, -1.0)}
    assert decisions == {Decision.PROMOTE, Decision.REJECT}


def test_a_night_taught_what_its_documents_do_not_say_is_rejected_and_the_samples_named() -> None:
    taught = nights.verdict(audit=SampleAudit(100, ("q-one", "q-two", "q-three")))
    assert taught.decision is Decision.REJECT
    assert nights.failed_rules(taught) == ["samples"]
    assert any("3 of 100 say what theirs does not: q-one, q-two, q-three" in reason for reason in taught.reasons)


def test_a_sample_or_two_in_a_hundred_may_be_doubtful_but_some_must_be_checked() -> None:
    assert nights.verdict(audit=SampleAudit(100, ("q-one", "q-two"))).decision is Decision.PROMOTE
    assert nights.failed_rules(nights.verdict(audit=SampleAudit(0))) == ["samples"]
