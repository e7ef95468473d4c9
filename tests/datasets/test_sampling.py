import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from retable.datasets.sampling import epoch_order, step_indices
from retable.datasets.seeding import derived_seed

sizes = st.integers(1, 50)


@settings(deadline=None)
@given(n=sizes, size=sizes, seed=st.integers(0, 9))
def test_every_example_is_seen_once_before_any_is_seen_again(n, size, seed):
    steps = -(-3 * n // size)
    seen = torch.cat([step_indices(n, step, size, "s", seed) for step in range(steps)])
    for epoch in range(3):
        assert sorted(seen[epoch * n : (epoch + 1) * n].tolist()) == list(range(n))


@settings(deadline=None)
@given(n=sizes, size=sizes, step=st.integers(0, 100))
def test_a_step_depends_on_nothing_that_came_before_it(n, size, step):
    alone = step_indices(n, step, size, "s", 0)
    for earlier in range(step):
        step_indices(n, earlier, size, "s", 0)
    assert torch.equal(step_indices(n, step, size, "s", 0), alone)


def test_epochs_seeds_and_domains_have_orders_of_their_own():
    orders = [epoch_order(100, *key) for key in [(0, "s", 0), (1, "s", 0), (0, "s", 1), (0, "t", 0)]]
    assert len({tuple(order.tolist()) for order in orders}) == 4


def test_a_seed_is_the_same_on_every_machine():
    assert derived_seed("epoch", 0, "s", 0) == 2789841847159997156
    assert derived_seed("a", 1) != derived_seed("a1")
