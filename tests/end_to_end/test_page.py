"""The page in a browser: a post is typed, goes through Kafka to a worker, and comes back."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from deploy.local.services import Services
from deploy.local.tools import browser_path, install
from export.bundle import Bundle
from tests.support.page import page
from tests.support.streams import Stream
from worker.settings import Settings

PATIENCE = 60_000  # ms; the broker starts anew meanwhile


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    install()
    with sync_playwright() as playwright:
        # Chromium's sandbox cannot be had by root, nor in most containers.
        yield playwright.chromium.launch(executable_path=browser_path(), chromium_sandbox=False)


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Page]:
    """A tab as small as a phone's, which fails where the page has an error."""
    wrong: list[str] = []
    with chromium.new_context(viewport={"width": 390, "height": 844}) as context:
        context.set_default_timeout(PATIENCE)
        tab = context.new_page()
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        yield tab
    assert [one for one in wrong if "Failed to load resource" not in one] == []


def test_a_post_travels_to_a_worker_and_back(
    fragile: Stream, own_services: Services, bundle: Bundle, bundle_path: str, tab: Page
) -> None:
    expect.set_options(timeout=PATIENCE)
    worker = fragile.worker(bundle=str(bundle_path), explain=True).wait_ready()
    settings = Settings(
        bootstrap_servers=fragile.addresses.kafka,
        input_topic=fragile.posts,
        output_topic=fragile.suggestions,
        bundle=str(bundle_path),
    )
    words = bundle.topics()[0][:3]
    text = f"<img src=x onerror=alert(1)> {' '.join(words)} <b>{words[0]}</b>"
    with page(settings, f"http://127.0.0.1:{worker.port}") as client:
        tab.goto(client.address)
        state = tab.locator("#state")
        posts = tab.get_by_role("list", name="Posts, the newest first").locator("> li")
        expect(state).to_have_text("live")
        expect(tab.get_by_text("No posts yet.")).to_be_visible()
        expect(tab.locator("#models")).to_contain_text(bundle.name)

        tab.keyboard.press("Tab")
        expect(tab.get_by_role("link", name="Skip to the posts")).to_be_focused()
        tab.get_by_role("textbox", name="Your post").fill(text)
        tab.keyboard.press("Control+Enter")
        outcome = tab.locator("#outcome")
        expect(outcome).to_contain_text("Answered after")
        expect(outcome.locator(".text")).to_have_text(text)
        expect(outcome.get_by_role("listitem")).to_have_count(5)
        assert outcome.locator("mark").count() >= 1
        expect(outcome).to_contain_text(", ".join(bundle.topics()[0][:6]))
        expect(posts.filter(has_text="yours")).to_have_count(1)
        assert tab.locator("img[src=x], .text b").count() == 0
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390

        own_services.broker.stop()
        expect(state).to_have_text("no broker")
        expect(tab.get_by_role("alert")).to_contain_text("does not answer")
        expect(tab.get_by_role("button", name="Suggest hashtags")).to_be_disabled()
        own_services.broker.start()
        expect(state).to_have_text("live")
        expect(tab.get_by_role("alert")).to_be_hidden()
        expect(posts.first).to_have_css("animation-name", "arrive")
        tab.emulate_media(reduced_motion="reduce")
        tab.get_by_role("button", name="Suggest hashtags").click()
        expect(posts.filter(has_text="yours")).to_have_count(2)
        expect(posts.first).to_have_css("animation-name", "none")
    expect(state).to_have_text("disconnected")
    expect(tab.get_by_role("alert")).to_have_text(re.compile("tried again"))
