import pytest


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--listen", "nowhere"], "it is no HOST:PORT"),
        (["--tls-cert", "short"], "TLS needs a certificate and its key"),
        (["--tls-cert", "short", "--tls-key", "short"], "cannot be used"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_sentence(runner, tmp_path, options, said):
    (tmp_path / "short").write_text("secret!")
    answer = runner("serve", *options)
    assert (answer.status, answer.out) == (2, "")
    assert said in answer.err
    assert "secret!" not in answer.err
    assert "Traceback" not in answer.err
