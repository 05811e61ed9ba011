"""What the chaos runs rely on: troubles that show, and a plan that a seed decides."""

from collections import Counter

import pytest
import redis

from tests.chaos.schedule import KILL, POINT, Plan
from tests.conftest import Addresses
from tests.support.crashing_worker import POINTS
from tests.support.troubled import Trouble, Troubled


@pytest.mark.parametrize("trouble", [Trouble.REFUSED, Trouble.HANGING, Trouble.CUT])
def test_a_trouble_shows_at_once_and_passes(addresses: Addresses, trouble: Trouble) -> None:
    proxy = Troubled(addresses.redis.removeprefix("redis://").partition("/")[0])
    with redis.Redis.from_url(proxy.url, socket_timeout=0.2, retry=None) as client:
        assert client.ping()
        proxy.suffer(trouble)
        with pytest.raises(redis.RedisError):
            client.ping()
        proxy.suffer(Trouble.NONE)
        assert client.ping()
    proxy.close()


@pytest.mark.parametrize("delivery", sorted(POINTS))
def test_the_plan_has_all_of_it_in_an_order_of_its_own(delivery: str) -> None:
    plan, points = Plan(), sorted(POINTS[delivery])
    events = plan.events(points)
    assert events == plan.events(points)
    assert events != Plan(seed=1).events(points)
    counts = Counter(events)
    assert all(counts[POINT + point] == plan.at_points for point in points)
    assert counts[KILL] + plan.at_points * len(points) == plan.kills == 100
    assert sum(counts[trouble] for trouble in Trouble) == plan.outages
