"""Each step's plan and judgement."""

import math
from dataclasses import replace

import msgspec
import pytest

from tests.unit.checklist.walks import Run, Walk, healthy
from tuitrain.events import LossFacts, OutcomeKind, Severity, Step, StudyEnded, Verdict
from tuitrain.model import TrialModel


def _kinds(walk: Walk, step: Step) -> list[str]:
    return [finding.kind for finding in walk.verdict(step).findings]


# --- step 1 ---


def test_step_1_measures_fresh_initializations_without_updates():
    walk = Walk(seed=5).auto(until=Step.INITIAL_LOSS)
    trials = walk.trials(Step.INITIAL_LOSS)
    assert [trial.seed for trial in trials] == [5, 6, 7]
    assert all(not trial.limits.update for trial in trials)
    assert all(not trial.limits.regularize for trial in trials)
    assert {trial.limits.batches for trial in trials} == {5}


def test_step_1_says_what_was_measured_and_expected():
    verdict = Walk().auto().verdict(Step.INITIAL_LOSS)
    assert verdict.summary == "2.31 (ln 10 = 2.303)"
    assert verdict.evidence["formula"] == "ln C"
    assert verdict.evidence["expected"] == pytest.approx(math.log(10), abs=1e-4)
    assert verdict.evidence["batches"] == 15


def test_step_1_fails_on_weights_far_too_large_and_goes_no_further():
    walk = Walk(
        lambda t: replace(healthy(t), loss=[38.0, 51.0, 44.0, 40.0, 39.0])
    ).auto()
    verdict = walk.verdict(Step.INITIAL_LOSS)
    assert verdict.verdict is Verdict.FAIL
    assert _kinds(walk, Step.INITIAL_LOSS) == ["initial_loss_mismatch"]
    assert verdict.advice
    assert len(walk.model.trials) == 3


# --- step 2 ---


def test_step_2_tries_each_lr_without_regularization_and_names_the_fastest():
    walk = Walk().auto(until=Step.OVERFIT_SMALL)
    trials = walk.trials(Step.OVERFIT_SMALL)
    assert [trial.config["lr"] for trial in trials] == [1e-1, 1e-2, 1e-3, 1e-4]
    assert all(trial.config["weight_decay"] == 0 for trial in trials)
    assert all(
        trial.limits.stop_at_fit and not trial.limits.regularize for trial in trials
    )
    verdict = walk.verdict(Step.OVERFIT_SMALL)
    assert verdict.verdict is Verdict.PASS
    assert verdict.summary.startswith("100 % after ")
    assert verdict.summary.endswith(" iterations at LR 1e-2")


def _small(run: Run) -> Walk:
    """A study whose step 2 goes like `run` at every LR."""

    def training(trial: TrialModel) -> Run:
        return run if trial.limits.stop_at_fit else healthy(trial)

    return Walk(training).auto()


@pytest.mark.parametrize(
    ("loss", "kind"),
    [
        ([2.3] * 500, "loss_not_decreasing"),
        ([2.3, 9.0, math.inf], "loss_exploded"),
        ([2.3 * 1.02**i for i in range(200)], "loss_exploded"),
        ([max(1.2, 2.3 - 0.01 * i) for i in range(500)], "stuck_below_fit"),
    ],
)
def test_step_2_says_in_which_of_three_ways_nothing_fitted(loss, kind):
    walk = _small(Run(loss, [0.4] * len(loss)))
    verdict = walk.verdict(Step.OVERFIT_SMALL)
    assert verdict.verdict is Verdict.FAIL
    assert _kinds(walk, Step.OVERFIT_SMALL) == [kind]
    assert verdict.advice
    assert walk.model.ended is not None
    assert walk.model.ended.state == "failed"


def test_step_2_tells_the_accuracy_of_a_whole_pass_not_of_a_lucky_minibatch():
    loss = [max(1.2, 2.3 - 0.01 * i) for i in range(496)]
    walk = _small(Run(loss, [1.0, 0.5] * 248))
    assert walk.verdict(Step.OVERFIT_SMALL).summary == "stuck at accuracy 75.0 %"


def test_step_2_names_zero_weights_as_the_cause_of_a_flat_loss():
    ratios = {"update_ratio/fc.weight": [math.nan] * 500}
    walk = _small(Run([2.3] * 500, [0.1] * 500, others=ratios))
    cause, symptom = walk.verdict(Step.OVERFIT_SMALL).findings
    assert (cause.kind, cause.severity) == (
        "symmetric_initialization",
        Severity.CRITICAL,
    )
    assert (symptom.kind, symptom.consequence_of) == (
        "loss_not_decreasing",
        "symmetric_initialization",
    )
    assert walk.verdict(Step.OVERFIT_SMALL).advice == cause.advice


def test_step_2_fails_when_the_optimizer_runs_at_another_lr_even_if_one_trial_fits():
    def training(trial: TrialModel) -> Run:
        run = healthy(trial)
        in_force = 1000 * float(trial.config["lr"])
        return replace(run, others={"lr": [in_force] * len(run.loss)})

    walk = Walk(training).auto()
    verdict = walk.verdict(Step.OVERFIT_SMALL)
    assert verdict.verdict is Verdict.FAIL
    assert _kinds(walk, Step.OVERFIT_SMALL) == ["lr_not_in_force"]
    assert "1000 times" in verdict.findings[0].summary


def test_step_2_fails_when_the_lr_given_is_ignored():
    def training(trial: TrialModel) -> Run:
        run = healthy(trial)
        return replace(run, others={"lr": [0.01] * len(run.loss)})

    walk = Walk(training).auto()
    assert walk.verdict(Step.OVERFIT_SMALL).verdict is Verdict.FAIL
    assert "whatever LR" in walk.verdict(Step.OVERFIT_SMALL).findings[0].summary


def test_step_2_of_a_regression_tells_the_loss():
    facts = LossFacts(
        name="MSELoss", kind="mse", target_second_moment=1.0, target_mean=0.0
    )

    def training(trial: TrialModel) -> Run:
        run = replace(healthy(trial), accuracy=[], facts=facts)
        loss = [1.0] * 5 if not trial.limits.update else run.loss
        return replace(run, loss=loss)

    walk = Walk(training).auto(until=Step.OVERFIT_SMALL)
    assert walk.verdict(Step.INITIAL_LOSS).summary == "1 (E[y²] = 1)"
    assert "loss ≤ 1 % after" in walk.verdict(Step.OVERFIT_SMALL).summary


# --- step 3 ---


def _with_best_at(best: float):
    """A training whose loss falls the faster the nearer its LR is to `best`."""

    def training(trial: TrialModel) -> Run:
        config = {**trial.config, "lr": float(trial.config["lr"]) * 0.01 / best}
        return healthy(msgspec.structs.replace(trial, config=config))

    return training


def test_step_3_picks_the_lr_whose_loss_falls_farthest():
    walk = Walk().auto(until=Step.FIND_LR)
    verdict = walk.verdict(Step.FIND_LR)
    assert verdict.decision == {"lr": 0.01}
    assert verdict.summary.startswith("LR 1e-2: loss 2.")
    assert all(trial.limits.iterations == 100 for trial in walk.trials(Step.FIND_LR))


@pytest.mark.parametrize(
    ("best", "tried_last"), [(0.1, [1.0]), (1e-4, [1e-5]), (1e-5, [1e-5, 1e-6])]
)
def test_step_3_tries_the_next_decade_when_the_best_is_at_an_edge(best, tried_last):
    walk = Walk(_with_best_at(best)).auto(until=Step.FIND_LR)
    lrs = [trial.config["lr"] for trial in walk.trials(Step.FIND_LR)]
    assert lrs == [1e-1, 1e-2, 1e-3, 1e-4, *tried_last]
    assert walk.verdict(Step.FIND_LR).decision == {"lr": best}
    assert walk.verdict(Step.FIND_LR).verdict is Verdict.PASS


def test_step_3_warns_when_the_best_stays_at_the_edge():
    def training(trial: TrialModel) -> Run:
        return (_with_best_at(1e-7) if trial.step is Step.FIND_LR else healthy)(trial)

    walk = Walk(training).auto(until=Step.FIND_LR)
    assert len(walk.trials(Step.FIND_LR)) == 6
    assert walk.verdict(Step.FIND_LR).verdict is Verdict.WARN
    assert _kinds(walk, Step.FIND_LR) == ["lr_at_edge"]


def _full(run: Run) -> Walk:
    """A study whose step 3 goes like `run` at every LR."""

    def training(trial: TrialModel) -> Run:
        return run if trial.step is Step.FIND_LR else healthy(trial)

    return Walk(training).auto()


def test_step_3_fails_when_the_drop_drowns_in_the_noise():
    noisy = [2.3 - 0.0005 * i + 0.4 * math.sin(37.0 * i) for i in range(100)]
    walk = _full(Run(noisy))
    assert walk.verdict(Step.FIND_LR).verdict is Verdict.FAIL
    assert _kinds(walk, Step.FIND_LR) == ["loss_not_decreasing"]


def test_step_3_does_not_take_a_fall_to_chance_for_learning():
    start_high = [2.3 + 0.6 * math.exp(-i / 10) for i in range(100)]
    walk = _full(Run(start_high))
    assert walk.verdict(Step.FIND_LR).verdict is Verdict.FAIL


def test_step_3_lowers_the_lr_when_all_explode():
    walk = _full(Run([2.3, 100.0, math.nan], outcome=OutcomeKind.NON_FINITE))
    lrs = [trial.config["lr"] for trial in walk.trials(Step.FIND_LR)]
    assert lrs == [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6]
    assert _kinds(walk, Step.FIND_LR) == ["loss_exploded"]


@pytest.mark.parametrize(
    ("loss", "severity"),
    [
        ([2.3] * 120, Severity.HIGH),
        ([2.3 - 0.015 * i for i in range(120)], Severity.CRITICAL),
    ],
)
def test_step_3_names_labels_that_say_nothing_about_validation_data(loss, severity):
    walk = _full(Run(loss, [0.1] * 120, [(2.31, 0.1), (2.32, 0.11), (2.33, 0.1)]))
    finding = walk.verdict(Step.FIND_LR).findings[0]
    assert (finding.kind, finding.severity) == ("labels_carry_no_signal", severity)
    assert walk.verdict(Step.FIND_LR).verdict is Verdict.FAIL


# --- steps 4 and 5 ---


def test_step_4_is_a_grid_around_the_lr_of_step_3():
    walk = Walk().auto(until=Step.COARSE_GRID)
    cells = [
        (t.config["lr"], t.config["weight_decay"])
        for t in walk.trials(Step.COARSE_GRID)
    ]
    assert cells == [
        (lr, decay) for lr in (0.0033, 0.01, 0.03) for decay in (1e-4, 1e-5, 0.0)
    ]
    assert all(t.limits.epochs == 3 for t in walk.trials(Step.COARSE_GRID))


def test_step_4_ranks_by_the_best_value_so_far_and_breaks_ties_the_same_way_always():
    def training(trial: TrialModel) -> Run:
        run = healthy(trial)
        if trial.step is not Step.COARSE_GRID:
            return run
        if trial.config["lr"] == 0.03 and trial.config["weight_decay"] == 0:
            return replace(run, validation=[(0.5, 0.9), (0.9, 0.4), (0.9, 0.4)])
        return replace(run, validation=[(0.6, 0.8)] * 3)

    verdict = Walk(training).auto(until=Step.COARSE_GRID).verdict(Step.COARSE_GRID)
    assert verdict.decision == {"lr": 0.03, "weight_decay": 0.0}
    assert verdict.summary == "best val accuracy 90.0 % (LR 3e-2, WD 0)"
    ranked = verdict.evidence["ranked"]
    assert isinstance(ranked, list)
    assert len(ranked) == 9
    # Equal accuracy and loss: the smaller LR first, then the smaller weight decay.
    assert ranked[1:4] == ["0014", "0013", "0012"]


def test_step_4_does_not_fail_for_trials_that_diverge_while_others_work():
    def training(trial: TrialModel) -> Run:
        if trial.step is Step.COARSE_GRID and trial.config["lr"] == 0.03:
            loss = [2.3, 80.0, math.nan]
            return Run(loss, [0.1] * 3, outcome=OutcomeKind.NON_FINITE)
        return healthy(trial)

    walk = Walk(training).auto()
    assert walk.verdict(Step.COARSE_GRID).verdict is Verdict.PASS
    assert walk.model.ended == StudyEnded(state="finished")


def test_step_5_refines_around_the_best_two_and_carries_on_from_their_checkpoints():
    walk = Walk().auto(until=Step.REFINE_GRID)
    trials = walk.trials(Step.REFINE_GRID)
    coarse = {t.trial: t for t in walk.trials(Step.COARSE_GRID)}
    resumed = [t for t in trials if t.resumes is not None]
    assert len(resumed) == 2
    for trial in resumed:
        assert trial.resumes is not None
        assert coarse[trial.resumes].config == trial.config
    assert [t.config["lr"] for t in trials] == [
        0.01,
        0.01,
        0.0056,
        0.018,
        0.0056,
        0.018,
    ]
    assert all(t.limits.epochs == 15 for t in trials)


def test_step_5_leaves_out_neighbours_that_are_nearly_the_same():
    def training(trial: TrialModel) -> Run:
        run = healthy(trial)
        if trial.step is Step.COARSE_GRID:
            better = trial.config["weight_decay"] == 0 and trial.config["lr"] != 0.0033
            return replace(run, validation=[(0.5, 0.9 if better else 0.5)] * 3)
        return run

    walk = Walk(training).auto(until=Step.REFINE_GRID)
    lrs = [t.config["lr"] for t in walk.trials(Step.REFINE_GRID)]
    assert lrs == [0.01, 0.03, 0.0056, 0.018, 0.053]


def test_without_validation_data_trials_rank_by_the_training_loss_with_a_warning():
    walk = Walk(lambda t: replace(healthy(t), validation=[])).auto()
    verdict = walk.verdict(Step.COARSE_GRID)
    assert verdict.verdict is Verdict.WARN
    assert verdict.evidence["metric"] == "loss"
    assert _kinds(walk, Step.COARSE_GRID) == ["no_validation_set"]
    assert _kinds(walk, Step.LEARNING_CURVES)[-1] == "no_validation_set"
    assert walk.model.ended == StudyEnded(state="finished")


def test_a_metric_that_nobody_measures_fails_and_lists_what_there_is():
    walk = Walk(metric="val_f1").auto()
    verdict = walk.verdict(Step.COARSE_GRID)
    assert verdict.verdict is Verdict.FAIL
    assert "val_accuracy" in verdict.advice[0].text


def test_a_metric_of_which_less_is_better_is_known_by_its_name():
    walk = Walk(metric="val_loss").auto()
    best = walk.model.best
    assert best is not None
    losses = [
        t.get("val_loss").best(highest=False) for t in walk.trials(Step.REFINE_GRID)
    ]
    assert best.metrics["val_loss"] == min(found[1] for found in losses if found)


# --- step 6 ---


def test_step_6_runs_nothing_and_decides_on_the_best_configuration():
    walk = Walk().auto()
    verdict = walk.verdict(Step.LEARNING_CURVES)
    best = walk.verdict(Step.REFINE_GRID).best_trial
    assert (verdict.best_trial, verdict.verdict) == (best, Verdict.PASS)
    assert best is not None
    assert verdict.decision == walk.model.trials[best].config


def test_step_6_looks_at_the_whole_trajectory_of_a_resumed_trial():
    walk = Walk().auto()
    best = walk.model.best
    assert best is not None
    trial = walk.model.trials[best.trial]
    assert trial.resumes is not None
    assert walk.verdict(Step.LEARNING_CURVES).evidence["epochs"] == 15


def test_step_6_warns_of_overfitting_with_advice_that_changes_numbers():
    def training(trial: TrialModel) -> Run:
        run = healthy(trial)
        if trial.step is not Step.REFINE_GRID:
            return run
        epochs = range(trial.limits.epochs or 15)
        return replace(
            run, validation=[(0.2 + 0.1 * e, 0.95 - 0.02 * e) for e in epochs]
        )

    walk = Walk(training).auto()
    verdict = walk.verdict(Step.LEARNING_CURVES)
    assert verdict.verdict is Verdict.WARN
    assert verdict.findings[0].kind == "overfitting"
    changes = [advice.change for advice in verdict.advice if advice.change]
    assert {"weight_decay": 1e-3} in changes
    assert walk.model.ended == StudyEnded(state="finished")
