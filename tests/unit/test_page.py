"""What the page shows and keeps, without a server."""

import asyncio
import json
import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from worker.cli import main
from worker.errors import ExitCode
from worker.explained import Weighed
from worker.formats import FORMATS, Format, decode_post
from worker.messages import ScoredHashtag, Suggestion
from worker.scrape import Look, State
from worker.settings import Settings
from worker.status import Observer
from worker.watch import Answered
from worker.web.feeds import AnswerFeed
from worker.web.hub import MOST_VIEWERS, WAITING, Hub
from worker.web.shown import MOST_TEXT, _pieces, shown
from worker.web.typed import Typed, written
from worker.web.vitals import POINTS, Curves

STATIC = Path(__file__).parents[2] / "worker/web/static"


def events(taken: bytes | None) -> dict[str, Any]:
    assert taken is not None
    found = (one.split(b"\n") for one in taken.split(b"\n\n") if one)
    return {
        name.decode().removeprefix("event: "): json.loads(data.removeprefix(b"data: "))
        for name, data in found
    }


class TestAViewer:
    def test_that_is_slow_loses_the_oldest_and_is_told_how_many(self) -> None:
        async def look() -> dict[str, Any]:
            hub = Hub()
            with hub.viewer() as viewer:
                for number in range(100):
                    hub.publish([number, number], lost=3)
                    hub.tell("broker", number)
                return events(await viewer.take())

        told = asyncio.run(look())
        newest = [number for number in range(100) for _ in range(2)][-WAITING:]
        assert told == {"answers": {"answers": newest, "lost": 500 - WAITING}, "broker": 99}

    def test_is_told_an_answer_once_and_an_old_state_again_as_a_sign_of_life(self) -> None:
        async def look() -> list[dict[str, Any]]:
            hub, told = Hub(), []
            hub.publish(["a"])
            with hub.viewer() as viewer:
                for _ in range(2):
                    hub.tell("vitals", 1)
                    told.append(events(await viewer.take()))
            return told

        answers = {"answers": ["a"], "lost": 0}
        assert asyncio.run(look()) == [{"vitals": 1, "answers": answers}, {"vitals": 1}]

    def test_who_comes_later_sees_what_there_is(self) -> None:
        async def look() -> dict[str, Any]:
            hub = Hub()
            hub.tell("vitals", "old")
            hub.publish(range(WAITING + 5))
            hub.tell("vitals", "new")
            assert len(hub._answers) == WAITING
            with hub.viewer() as viewer:
                return events(await viewer.take())

        told = asyncio.run(look())
        assert told == {
            "vitals": "new",
            "answers": {"answers": [*range(5, WAITING + 5)], "lost": 0},
        }

    def test_leaves_when_the_page_ends(self) -> None:
        async def look() -> bytes | None:
            hub = Hub()
            with hub.viewer() as viewer:
                await viewer.take()
                hub.close()
                hub.publish(["nobody sees"])
                return await viewer.take()

        assert asyncio.run(look()) is None

    def test_is_one_of_so_many(self) -> None:
        async def look() -> list[bool]:
            hub = Hub()
            seen = [hub.full]
            rooms = [hub.viewer() for _ in range(MOST_VIEWERS)]
            for room in rooms:
                room.__enter__()
            seen.append(hub.full)
            rooms[0].__exit__(None, None, None)
            return [*seen, hub.full]

        assert asyncio.run(look()) == [False, True, False]


class TestAnAnswer:
    @given(st.text(), st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9), st.integers(0, 3))))
    def test_is_in_pieces_that_are_its_text(
        self, text: str, words: list[tuple[int, int, int]]
    ) -> None:
        weighed = [Weighed(start, start + size, 0.1, shade) for start, size, shade in sorted(words)]
        pieces = list(_pieces(text, weighed))
        assert "".join(piece for piece, _ in pieces) == text
        assert all(piece for piece, _ in pieces)
        assert {shade for _, shade in pieces} <= {0, *(one.shade for one in weighed)}

    def test_that_is_long_is_cut(self) -> None:
        text = "word " * MOST_TEXT
        (piece,) = shown(Answered("t-0-1", Suggestion("1", [], "m", "v"), text), None).pieces
        assert piece == (text[:MOST_TEXT] + "…", 0)

    def test_without_a_memory_is_the_models(self) -> None:
        found = [ScoredHashtag("a", 0.5), ScoredHashtag("b", 0.25, ["model", "memory"])]
        told = shown(Answered("t-0-1", Suggestion("1", found, "m", "v"), "hi"), None)
        assert [one.sources for one in told.suggestions] == [["model"], ["model", "memory"]]
        assert not told.explained


def test_of_many_answers_the_newest_are_kept_and_those_that_somebody_waits_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    typed = Typed(Settings())
    feed = AnswerFeed(Settings(), Hub(), typed, print)
    names = ["typed-1", *map(str, range(100))]
    found = [Answered(name, Suggestion(name, [], "m", "v")) for name in names]
    assert [one.source for one in feed._kept(found)] == names[-WAITING:]
    monkeypatch.setattr(typed, "awaits", lambda name: name == "typed-1")
    assert [one.source for one in feed._kept(found)] == ["typed-1", *names[-WAITING:]]


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_typed_is_read_as_it_was_written(form: Format) -> None:
    post = decode_post(written("typed-1", 'a "quoted" ½', form), 100, form)
    assert (post.id, post.text) == ("typed-1", 'a "quoted" ½')


def test_a_curve_has_gaps_where_nobody_told_and_an_end() -> None:
    clock = iter(range(10_000))
    states = iter([State.READY] * 3 + [State.UNREACHABLE] * 3 + [State.READY] * 300)
    counts = {("messaging_client_consumed_messages_total", frozenset[tuple[str, str]]()): 0.0}

    def ask(url: str) -> Look:
        at = next(clock)
        counted = dict.fromkeys(counts, 5.0 * at)
        return Look(url, at, next(states), counted)

    observer, curves = Observer(["http://one"], ask), Curves()
    rates = [curves.add(observer.observe()).rates for _ in range(9)][-1]
    assert rates == [None, 5.0, 5.0, None, None, None, None, 5.0, 5.0]
    for _ in range(POINTS):
        last = curves.add(observer.observe())
    assert (len(last.rates), len(last.lags)) == (POINTS, POINTS)


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "worker.web.server", raising=False)
    result = CliRunner().invoke(main, ["watch", "--web", "0"])
    assert result.exit_code == ExitCode.START_FAILED
    assert "install tagstream[web]" in result.stderr


@pytest.mark.parametrize(
    "flags", [["--web", "0", "--json"], ["--url", "http://a"], ["--web-host", "a"]]
)
def test_flags_that_do_not_go_together_are_refused(flags: list[str]) -> None:
    result = CliRunner().invoke(main, ["watch", *flags])
    assert result.exit_code == ExitCode.USAGE
    assert "--web" in result.stderr


def schemes() -> dict[str, dict[str, str]]:
    """The colours of the page by scheme: those of light, and what dark changes."""
    light, dark = re.findall(r":root \{(.*?)\}", (STATIC / "page.css").read_text(), re.DOTALL)
    found = [dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", one)) for one in (light, dark)]
    return {"light": found[0], "dark": found[0] | found[1]}


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("front", "behind"),
    [
        *(("ink", one) for one in ("page", "card", "bad-card")),
        *(("soft", one) for one in ("page", "card")),
        *((f"on-shade-{one}", f"shade-{one}") for one in (1, 2, 3)),
        ("on-model", "model"),
        *((one, "page") for one in ("good", "bad")),
        *((one, "card") for one in ("good", "bad", "model", "memory")),
    ],
)
def test_text_stands_out(scheme: str, front: str, behind: str) -> None:
    colours = schemes()[scheme]
    darker, lighter = sorted(luminance(colours[one]) for one in (front, behind))
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_shades_of_attention_differ() -> None:
    for colours in schemes().values():
        levels = [luminance(colours[name]) for name in ("card", "shade-1", "shade-2", "shade-3")]
        further = [abs(level - levels[0]) for level in levels]  # from what has no attention
        assert all(later > 1.2 * earlier for earlier, later in pairwise(further))


def test_the_box_takes_as_much_as_the_server() -> None:
    (most,) = re.findall(r'maxlength="(\d+)"', (STATIC / "index.html").read_text())
    assert int(most) == MOST_TEXT


def test_nothing_is_loaded_from_elsewhere_and_nothing_becomes_markup() -> None:
    for file in STATIC.iterdir():
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"(?:https?:)?//[a-z]+\.|innerHTML|insertAdjacentHTML|style=", text), (
            file
        )
