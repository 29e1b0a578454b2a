import numpy as np

from vpp.domain.columns import NodeColumns
from vpp.domain.network_room import from_the_leaves, room_of, shared_kw

# A root with two feeders, and a site on the first of them.
PARENT = np.array([-1, 0, 0, 1], dtype=np.intp)


def test_room_of__nothing_where_the_forecast_already_violates() -> None:
    nodes = NodeColumns(
        ["root"],
        np.array([-1], dtype=np.intp),
        np.array([[50.0, 120.0, -30.0]]),
        np.full((1, 3), 100.0),
        np.full((1, 3), 20.0),
    )

    room = room_of(nodes)

    assert room.less_kw.tolist() == [[70.0, 140.0, 0.0]]
    assert room.more_kw.tolist() == [[50.0, 0.0, 130.0]]


def test_shared_kw__each_node_is_kept_and_what_one_loses_leaves_room_above() -> None:
    most = np.array([[100.0], [100.0], [100.0]])
    node_of = np.array([3, 1, 2], dtype=np.intp)
    room = np.array([[200.0], [1e9], [1e9], [40.0]])

    shared = shared_kw(most, np.zeros(3, dtype=np.bool_), node_of, PARENT, room)

    # The site lets 40 through; 240 want through the root, which takes five sixths of each.
    assert np.allclose(shared[:, 0], np.array([40.0, 100.0, 100.0]) * 200.0 / 240.0)


def test_shared_kw__blocks_are_cut_last() -> None:
    most = np.array([[100.0], [100.0]])
    node_of = np.array([2, 2], dtype=np.intp)
    room = np.array([[1e9], [1e9], [130.0], [1e9]])

    shared = shared_kw(most, np.array([False, True]), node_of, PARENT, room)

    assert np.allclose(shared[:, 0], [30.0, 100.0])


def test_from_the_leaves__children_before_parents() -> None:
    order = from_the_leaves(PARENT).tolist()

    assert order[0] == 3
    assert order[-1] == 0
