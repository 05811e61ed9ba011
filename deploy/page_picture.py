"""Takes the README's picture of the page: `python -m deploy.page_picture [FOLDER]`.

A small model learns from invented posts, two workers answer others through a real broker, and one
is typed: whatever the picture shows happened while it was taken.
"""

import itertools
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack, closing
from pathlib import Path

from kafka import KafkaProducer
from playwright.sync_api import Page, sync_playwright

from deploy.invented_posts import LAST, TYPED, invented
from deploy.local.install import install as install_services
from deploy.local.process import Process, ServiceError, wait_until
from deploy.local.service import HOST, free_port
from deploy.local.services import Services
from deploy.local.tools import browser_path, install
from deploy.local.worker import WorkerProcess

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
LEARNED = {"train": 8_000, "dev": 1_000, "test": 1_000}
SIZES = ("--dimensions", "64", "--hidden", "64", "--topics", "12")
WORKERS, PARTITIONS = 2, 4
STREAMED = 100.0  # seconds
RATES = (6, 14, 9, 21, 4, 12)  # posts a second, each for a while
EACH = 8.0  # seconds
SCREEN = {"width": 1280, "height": 960}


def main(folder: Path) -> None:
    """Learn, serve, stream, look."""
    install_services()
    install()
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        _learn(state)
        services = stack.enter_context(Services(state / "services"))
        address = _serve(stack, state, services)
        sender = KafkaProducer(bootstrap_servers=services.broker.address)
        producer = stack.enter_context(closing(sender))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=browser_path(), chromium_sandbox=False)
        tab = browser.new_page(viewport=SCREEN, color_scheme="light")  # type: ignore[arg-type]
        tab.goto(address)
        _stream(producer)
        _picture(tab, producer, folder / "page.png")


def _learn(state: Path) -> None:
    """Make a champion of a model that learned from invented posts."""
    corpus = state / "corpus"
    corpus.mkdir()
    for seed, (name, count) in enumerate(LEARNED.items()):
        lines = (json.dumps(post) for post in invented(count, seed))
        (corpus / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    run, registry = str(state / "run"), str(state / "registry")
    trainer = [sys.executable, "-m", "trainer"]
    subprocess.run([*trainer, "fit", str(corpus), run, *SIZES], check=True)
    subprocess.run([*trainer, "export", run, registry, "--alias", "champion"], check=True)


def _serve(stack: ExitStack, state: Path, services: Services) -> str:
    """Start workers and the page; returns its address."""
    where: dict[str, str] = {
        "registry": str(state / "registry"),
        "bootstrap_servers": services.broker.address,
    }
    more: dict[str, str | int] = {"cache": services.redis.url, "partitions": PARTITIONS}
    workers = [
        WorkerProcess(
            state / f"worker-{number}.log",
            {**where, **more, "explain": True, "create_topics": True},
        )
        for number in range(WORKERS)
    ]
    for worker in workers:
        stack.callback(worker.stop)
        worker.start()
    for worker in workers:
        worker.wait_ready()
    port = free_port()
    command = [sys.executable, "-m", "worker", "watch", "--web", str(port)]
    command += [f"--{name.replace('_', '-')}={value}" for name, value in where.items()]
    command += [f"--url=http://{HOST}:{worker.port}" for worker in workers]
    with (state / "page.log").open("ab") as log:
        page = Process.spawn(command, log, tethered=True)
    stack.callback(page.stop)
    address = f"http://{HOST}:{port}/"
    if not wait_until(lambda: _answers(address), 60):
        raise ServiceError((state / "page.log").read_text())
    return address


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address) as answer:  # noqa: S310 - our own
            return bool(answer.status == 200)
    except OSError:
        return False


def _stream(producer: KafkaProducer) -> None:
    """Send posts for a while, now more of them and now fewer."""
    posts = invented(10**6, len(LEARNED))
    begun = time.monotonic()
    for rate in itertools.cycle(RATES):
        until = time.monotonic() + EACH
        while time.monotonic() < until:
            _send(producer, next(posts))
            time.sleep(1 / rate)
        if time.monotonic() - begun > STREAMED:
            return


def _picture(tab: Page, producer: KafkaProducer, file: Path) -> None:
    """Type a post, let some last ones come, and take the picture."""
    tab.get_by_role("textbox", name="Your post").fill(TYPED)
    tab.get_by_role("button", name="Suggest hashtags").click()
    tab.get_by_text("Answered after").wait_for()
    for number, text in enumerate(LAST):
        _send(producer, {"id": f"last-{number}", "text": text})
        tab.get_by_role("listitem").filter(has_text=f"last-{number}").wait_for()
    tab.wait_for_timeout(3_000)  # ms; the figures come every two seconds
    tab.screenshot(path=file)


def _send(producer: KafkaProducer, post: dict[str, str]) -> None:
    producer.send("tweets", key=post["id"].encode(), value=json.dumps(post).encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURES)
