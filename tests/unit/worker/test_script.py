"""The script as it is now, whatever it was a moment ago."""

from tuitrain.worker.script import load_function


def test_an_edit_of_the_same_size_within_the_same_second_counts(tmp_path):
    script = tmp_path / "train.py"
    for width in (16, 17, 18):
        script.write_text(f"def task(trial):\n    return {width}\n")
        assert load_function(script, "task")(None) == width
    assert not (tmp_path / "__pycache__").exists()
