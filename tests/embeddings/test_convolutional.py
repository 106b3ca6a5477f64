"""Receptive fields by counting, and blocks with halos that leave no trace."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.embeddings.convolutional import (
    Cell,
    Reach,
    Sliding,
    least_rows,
    reach_of,
    receptive_field,
    steps_in_blocks,
    zero_ended,
)

STACKS = st.lists(
    st.integers(1, 5).flatmap(
        lambda width: st.builds(Sliding, st.just(width), st.integers(1, 3), st.integers(0, width // 2))
    ),
    min_size=1,
    max_size=4,
)


def outputs(layers, rows):
    for layer in layers:
        rows = max(0, (rows + 2 * layer.padding - layer.width) // layer.stride + 1) if rows else 0
    return rows


def run(layers, rows):
    """Weighted sums and a constant, layer by layer: what a layer makes of zeros is not what the next one pads with."""
    for layer in layers:
        padded = np.pad(rows, layer.padding)
        count = (len(padded) - layer.width) // layer.stride + 1
        weights = np.arange(1, layer.width + 1)
        rows = np.array([weights @ padded[i * layer.stride :][: layer.width] + 1.0 for i in range(count)])
    return rows


@given(STACKS)
def test_a_receptive_field_is_what_the_activations_hear(layers):
    field = receptive_field(layers)
    activation = -(-field.lead // field.stride)  # the first that hears no padding
    start = activation * field.stride - field.lead
    rows = np.zeros(max(start + field.width + 1, least_rows(layers, activation + 1)))
    quiet = run(layers, rows)[activation]

    def is_heard(row):
        rows[row] = 1.0
        heard = run(layers, rows)[activation] != quiet
        rows[row] = 0.0
        return heard

    assert is_heard(start)
    assert is_heard(start + field.width - 1)
    assert not is_heard(start + field.width)
    assert start == 0 or not is_heard(start - 1)


@given(STACKS, st.integers(1, 5))
def test_least_rows_are_enough_and_one_less_is_not(layers, wanted):
    rows = least_rows(layers, wanted)
    assert outputs(layers, rows) >= wanted
    assert rows == 1 or outputs(layers, rows - 1) < wanted


@given(STACKS, st.data())
@settings(max_examples=50, deadline=None)
def test_blocks_with_halos_give_the_numbers_of_the_whole(layers, data):
    reach = reach_of([(receptive_field(layers), Cell())])
    length = data.draw(st.integers(max(1, least_rows(layers, 1)), 200))
    rows = np.random.default_rng(length).integers(-3, 4, length).astype(np.float32)
    cuts = sorted(data.draw(st.lists(st.integers(0, length), max_size=4)))
    per_block = data.draw(st.integers(1, 5))

    pieces = steps_in_blocks(np.split(rows, cuts), reach, per_block)
    steps = np.concatenate([run(layers, piece.rows[0])[piece.kept] for piece in pieces])
    np.testing.assert_array_equal(steps, run(layers, rows))


def test_blocks_are_bounded_however_long_the_clip_is():
    pieces = list(steps_in_blocks([np.zeros(4000, np.float32)], Reach(stride=4, before=8, after=12), 10))
    assert max(piece.rows.shape[1] for piece in pieces) <= 8 + 9 * 4 + 12


def test_steps_of_several_layers_reach_as_far_as_the_farthest():
    near, far = receptive_field([Sliding(3, padding=1)]), receptive_field([Sliding(5, padding=2), Sliding(2, stride=2)])
    assert reach_of([(near, Cell(width=4, hop=4)), (far, Cell(skip=1, width=2, hop=2))]) == Reach(4, 4, 8)


def test_activations_centred_before_the_clip_are_known():
    assert receptive_field([Sliding(4, stride=4)]).first_inside == 0
    assert receptive_field([Sliding(4, stride=4, padding=2)]).first_inside == 0  # centred on the very beginning
    assert receptive_field([Sliding(4, stride=4, padding=3)]).first_inside == 1


def test_zeros_end_a_stream():
    blocks = zero_ended([np.ones(2, np.float32), np.ones(1, np.float32)], lambda samples: samples + 2)
    assert np.concatenate(list(blocks)).tolist() == [1, 1, 1, 0, 0]
