import pytest

from runner.job.otherside import Ended
from runner.job.outcome import Failure
from runner.job.verdict import judge
from runner.model.job import JobState
from runner.model.pipeline import Transform

FAILURE, KILLED = JobState.FAILURE, JobState.KILLED
TRAIN = ("python", "train.py")


@pytest.mark.parametrize(
    ("ended", "failure"),
    [
        (Ended(0), None),
        (Ended(4), None),
        (Ended(3, command=TRAIN), Failure(FAILURE, 1, "python train.py exited 3")),
        (Ended(137, command=TRAIN), Failure(FAILURE, 1, "python train.py exited 137, as shells say of SIGKILL")),
        (Ended(255), Failure(FAILURE, 1, "the command exited 255")),
        (Ended(None, problem="was killed"), Failure(FAILURE, 1, "the command was killed")),
        (Ended(0, "TERM", TRAIN), Failure(KILLED, 143, "python train.py was stopped by SIGTERM")),
        (Ended(130, "INT"), Failure(KILLED, 130, "the command was stopped by SIGINT")),
        (Ended(75, "LATE"), Failure(KILLED, 75, "the other side did not wait for the environment any longer")),
    ],
)
def test_the_end_of_a_command_decides_about_its_job(ended, failure):
    assert judge(ended, Transform(cmd=(), accept_return_code=frozenset({4}))) == failure
