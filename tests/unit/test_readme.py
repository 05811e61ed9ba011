from benchmarks.readme import BLOCK, README, figures


def test_the_figures_of_the_readme_are_those_of_the_results() -> None:
    found = BLOCK.search(README.read_text())
    assert found is not None
    assert found.group() == figures()
