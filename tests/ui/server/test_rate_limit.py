"""Token buckets."""

from __future__ import annotations

import pytest

from ui.server import rate_limit
from ui.server.rate_limit import TokenBuckets, client_key


def buckets_at_default_rate(clock=lambda: 0.0) -> TokenBuckets:
    return TokenBuckets(rate_limit.REQUEST_RATE, rate_limit.BURST_SECONDS * rate_limit.REQUEST_RATE, clock)


def costs(kinds: list[str]) -> list[float]:
    return [rate_limit.ROUTE_COSTS.get(kind, 1.0) for kind in kinds]


def test_tokens_are_taken_until_the_bucket_is_empty_and_come_back_in_time():
    now = [0.0]
    buckets = TokenBuckets(0.5, 3, lambda: now[0])
    assert [buckets.take("one", 1) for _ in range(4)] == [0, 0, 0, 2]
    assert buckets.take("other", 1) == 0
    now[0] = 2
    assert [buckets.take("one", 1) for _ in range(2)] == [0, 2]
    now[0] = 1000
    assert [buckets.take("one", 1) for _ in range(4)] == [0, 0, 0, 2]  # no more than the burst is saved up


def test_a_cost_above_the_burst_needs_a_full_bucket_and_leaves_a_debt():
    now = [0.0]
    buckets = TokenBuckets(1, 3, lambda: now[0])
    assert buckets.take("one", 5) == 0
    assert buckets.take("one", 1) == 3  # to pay back 2 and gain 1
    now[0] = 3
    assert buckets.take("one", 5) == 2


def test_free_requests_and_a_rate_of_zero_are_unlimited():
    assert not any(TokenBuckets(0, 0).take("one", 1) for _ in range(1000))
    assert TokenBuckets(0.001, 0).take("one", 0) == 0


def test_fifty_people_behind_one_address_can_load_the_page_at_once():
    """Each of them loads the page with its assets, two pictures and two streams."""
    buckets = buckets_at_default_rate()
    load = costs(["page", *["asset"] * 100, "other", "event", "file", "file", "stream", "stream"])
    assert not any(buckets.take("fifty", cost) for _ in range(50) for cost in load)


def test_fast_drawing_and_fifty_people_behind_one_address_are_not_refused():
    """A stroke is a request, an event, a stream and two pictures; after a minute the buckets are in equilibrium."""
    now = [0.0]
    buckets = buckets_at_default_rate(lambda: now[0])
    stroke = costs(["canvas", "event", "event", "stream", "file", "file"])
    waits = set()
    for _ in range(60):
        now[0] += 1
        waits |= {buckets.take("drawing", cost) for _ in range(10) for cost in stroke}
        waits |= {buckets.take("fifty", cost) for _ in range(25) for cost in stroke}
    assert waits == {0.0}
    assert any(buckets.take("flood", 1.0) for _ in range(2000))


def test_the_number_of_clients_in_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(rate_limit, "_MAX_CLIENTS", 10)
    buckets = TokenBuckets(0.001, 1)
    assert not buckets.take("oldest", 1)
    for n in range(9):
        buckets.take(str(n), 1)
    assert buckets.take("oldest", 1) and len(buckets) == 10
    for n in range(100):
        buckets.take(str(n), 1)
    assert len(buckets) == 10


def test_client_is_an_ipv4_address_or_an_ipv6_network():
    assert client_key(("192.0.2.7", 1)) == "192.0.2.7"
    assert client_key(("2001:db8::7", 1)) == client_key(("2001:db8::8", 2)) == "2001:db8::/64"
    assert client_key(("::ffff:192.0.2.7", 1)) != client_key(("::ffff:192.0.2.8", 1))
    assert client_key(None) == "" and len(client_key(("x" * 10_000, 1))) == 64


def test_rate_is_read_from_the_environment(monkeypatch):
    monkeypatch.setenv("TRILAYER_RATE", "7.5")
    assert (rate_limit.request_buckets().rate, rate_limit.request_buckets().burst) == (7.5, 75)
    monkeypatch.setenv("TRILAYER_RATE", "0.1")
    assert rate_limit.request_buckets().burst == rate_limit.MIN_BURST  # the page can be loaded at any rate
    monkeypatch.setenv("TRILAYER_RATE", "0")
    assert not any(rate_limit.request_buckets().take("one", 1) for _ in range(1000))


@pytest.mark.parametrize("rate", ["x", "-1", "nan", "inf"])
def test_invalid_rate_is_rejected(monkeypatch, rate):
    monkeypatch.setenv("TRILAYER_RATE", rate)
    with pytest.raises(ValueError, match="TRILAYER_RATE must be a number"):
        rate_limit.request_buckets()
