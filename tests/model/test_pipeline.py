from runner.model.job import JobState, ProcessExit
from runner.model.pipeline import CompositeInput, CompositeKind, CronInput, PfsInput, Pipeline, Transform


def pfs(name: str, *, s3: bool) -> PfsInput:
    return PfsInput(name=name, project="default", repo=name, branch="master", glob="/", s3=s3)


def test_inputs_are_found_at_any_depth_in_order():
    inner = CompositeInput(CompositeKind.UNION, (pfs("b", s3=False), CronInput("c", "default", "r", "@daily")))
    pipeline = Pipeline(
        "default",
        "p",
        Transform(("true",)),
        CompositeInput(CompositeKind.CROSS, (pfs("a", s3=True), inner, pfs("d", s3=True))),
    )
    assert [leaf.name for leaf in pipeline.leaves()] == ["a", "b", "c", "d"]
    assert [leaf.name for leaf in pipeline.s3_inputs()] == ["a", "d"]


def test_a_spec_without_input_has_no_leaves():
    assert list(Pipeline("default", "p", Transform(("true",)), None).leaves()) == []


def test_only_ends_are_terminal():
    assert {state for state in JobState if state.is_terminal} == {
        JobState.SUCCESS,
        JobState.FAILURE,
        JobState.KILLED,
        JobState.UNRUNNABLE,
    }


def test_an_exit_says_in_words_how_the_process_ended():
    assert str(ProcessExit(3, None)) == "exited 3"
    assert str(ProcessExit(None, 9)) == "was killed by signal 9"
