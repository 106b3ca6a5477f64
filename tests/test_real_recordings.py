"""What is promised of real recordings: ESC-10 on its official folds, and the CWRU bearings by clip and by bearing."""

import pytest

import earmark

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("yamnet_weights")]


@pytest.fixture(scope="module")
def esc10(shared_data, tmp_path_factory):
    table = shared_data("esc10/esc10.csv")
    return earmark.compare(table, fusions=["late", "early"], store=tmp_path_factory.mktemp("store"))


@pytest.mark.parametrize(("fusion", "accuracy"), [("late", 0.98), ("early", 0.975)])
def test_esc10_is_classified_as_well_as_promised(esc10, fusion, accuracy):
    summary = esc10.table().set_index("fusion").loc[fusion]
    assert summary["split"] == "official"
    assert summary["clips"] == 400
    assert summary["accuracy_mean"] >= accuracy


def test_the_official_folds_of_esc10_do_not_leak(esc10):
    assert esc10.protocol["leak_check"]["ok"]
    assert sorted(esc10.results["fold"].unique()) == ["1", "2", "3", "4", "5"]


def test_bearings_are_reported_by_clip_and_by_bearing(shared_data, tmp_path):
    table = shared_data("cwru/cwru.csv")
    comparison = earmark.compare(table, splits=["groups", "clips"], store=tmp_path / "store")
    accuracy = comparison.table().set_index("split")["accuracy_mean"]
    assert accuracy["clips"] - accuracy["groups"] > 0.1
    assert not comparison.protocol["leak_check"]["ok"]  # the split by clip does leak, and says so
    page = comparison.to_html()
    assert "Splits side by side" in page
    assert f"{100 * accuracy['groups']:.1f}" in page
