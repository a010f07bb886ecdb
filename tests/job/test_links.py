from __future__ import annotations

from runner.job.links import linked


def test_files_are_shown_by_links_that_go_with_the_attempt(tmp_path):
    pfs, folder = tmp_path / "pfs", tmp_path / "attempt"
    pfs.mkdir()
    (folder / "words").mkdir(parents=True)
    (folder / "words" / "a").write_text("1")
    (folder / ".env").write_text("A=1")
    (pfs / "words").symlink_to(tmp_path / "gone")  # of a runner that died
    with linked(pfs, folder) as is_shown:
        assert is_shown
        assert (pfs / "words" / "a").read_text() == "1"
        assert (pfs / ".env").read_text() == "A=1"
        with linked(pfs, folder) as again:
            assert not again
        assert (pfs / "words" / "a").exists()
    assert list(pfs.iterdir()) == []


def test_what_is_the_machines_own_stays(tmp_path):
    pfs, folder = tmp_path / "pfs", tmp_path / "attempt"
    (pfs / "words").mkdir(parents=True)
    (folder / "words").mkdir(parents=True)
    with linked(pfs, folder) as is_shown:
        assert not is_shown
    assert (pfs / "words").is_dir()
    with linked(tmp_path / "none", folder) as is_shown:
        assert not is_shown
