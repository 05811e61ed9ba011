"""`trainer retrain` on one page: window → fit → export → judge → gate → promote."""

import shutil
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from export.bundle import copy_bundle, read_bundle
from export.errors import BundleError, ParityError
from export.memory_card import MemoryCard
from export.places import Place
from export.registry import CHALLENGER, CHAMPION, Registry
from export.signatures import sign
from trainer import pipeline, release, snapshot
from trainer.errors import TrainerError
from trainer.gate import Evidence, Finding, gate
from trainer.job import Asked, Job
from trainer.judging import held_out, judge, seen_until, sound
from trainer.pruning import prune
from trainer.runs import Run
from trainer.settings import RetrainSettings
from trainer.window import Window
from worker.predictor import Predictor


class Outcome(StrEnum):
    """How a retraining ended."""

    PROMOTED = "promoted"
    WOULD_PROMOTE = "would be promoted"
    UNCHANGED = "is champion already"
    REFUSED = "refused"


class Report(msgspec.Struct, frozen=True):
    """What became of a challenger, and why; `champion` is the one before."""

    outcome: Outcome
    window: str
    champion: str | None
    challenger: str | None
    findings: list[Finding]
    evidence: Evidence | None = None

    @property
    def reason(self) -> str:
        """Say in one line why a challenger was promoted: how good it is, beside the champion."""
        told = {one.rule: one.told for one in self.findings}
        rule = "champion" if "champion" in told else "floor"
        return f"{rule}: {told[rule]}"


@dataclass
class Retraining:
    """One retraining of a registry's champion, in the work directory of a job."""

    asked: Asked
    window: Window
    rules: RetrainSettings
    registry: Registry
    job: Job
    dry_run: bool = False

    def run(self) -> Report:
        """Learn a challenger, and promote it if the gate lets it.

        Killed at any moment, the next one goes on where it was. Raises `AlreadyRunningError` beside
        another one in the same work directory, `RegistryChangedError` where the champion changed
        meanwhile, and what its steps raise; the champion then serves on.
        """
        with self.job.alone():
            self.job.begin(self.asked)
            try:
                report = self._report()
            except TrainerError:  # on the same posts it would fail again
                self.job.end()
                raise
            self.job.end()
            if not self.dry_run:
                shutil.rmtree(self.job.bundles, ignore_errors=True)
                prune(self.registry, self.rules.keep)
            return report

    def _report(self) -> Report:
        self._take_window()
        serving = self.registry.aliases().get(CHAMPION)
        if finding := self._too_few(serving):
            return self._refused(serving, None, finding)
        try:
            path = self._challenger(serving)
        except ParityError as error:
            return self._refused(serving, None, Finding("parity", passed=False, told=str(error)))
        if path.name == serving:
            return Report(Outcome.UNCHANGED, self.asked.window, serving, serving, [])
        try:
            challenger = sound(read_bundle(path))
        except BundleError as error:
            finding = Finding("sound", passed=False, told=str(error))
            return self._refused(serving, path.name, finding)
        report = self._judged(serving, challenger)
        if not self.dry_run:
            self._publish(path, report)
        return report

    def _take_window(self) -> None:
        corpus = self.job.corpus
        if not corpus.exists():
            snapshot.take(self.asked.url, self.asked.window, self.window, corpus)
            self.job.step_done()

    def _too_few(self, serving: str | None) -> Finding | None:
        """Say where too few posts are left to judge by, before anything is learned."""
        champion = read_bundle(self.registry.bundles / serving) if serving else None
        seen, posts = seen_until(champion), len(held_out(self.job.corpus, champion))
        if posts >= self.rules.held_out:
            return None
        told = f"{posts} posts with a hashtag, at least {self.rules.held_out}"
        if seen:
            told += f", that the champion has not seen: its own end at {seen:%Y-%m-%d %H:%M} UTC"
        return Finding("held-out", passed=False, told=f"{told}; collect more, or a longer window")

    def _challenger(self, serving: str | None) -> Place:
        """Return the bundle of these posts and settings: found again, or learned.

        The memory beside it votes as it does beside the champion.
        """
        key = self.job.key(self.asked)
        if (digest := self.job.learned().get(key)) is not None:
            for parent in (self.job.bundles, self.registry.bundles):
                if (parent / digest).exists():
                    return parent / digest
        run = pipeline.fit(self.job.corpus, self.job.run, self.asked.settings, resume=True)
        self.job.step_done()
        champion = read_bundle(self.registry.bundles / serving).manifest if serving else None
        path = self._exported(run, champion.memory if champion else None)
        self.job.remember(key, path.name)
        return path

    def _exported(self, run: Run, memory: MemoryCard | None) -> Place:
        return release.release(run, self.job.bundles, self.asked.variants, memory).path

    def _judged(self, serving: str | None, challenger: Predictor) -> Report:
        """Measure both on what neither has seen, and ask the gate."""
        bundle = read_bundle(self.registry.bundles / serving) if serving else None
        champion = Predictor(bundle) if bundle else None
        posts = held_out(self.job.corpus, bundle)
        evidence = judge(challenger, champion, posts, self.job.corpus)
        findings = gate(evidence, self.rules)
        outcome = Outcome.REFUSED
        if all(one.passed for one in findings):
            outcome = Outcome.WOULD_PROMOTE if self.dry_run else Outcome.PROMOTED
        digest = challenger.bundle.digest
        return Report(outcome, self.asked.window, serving, digest, findings, evidence)

    def _publish(self, path: Place, report: Report) -> None:
        """Let the registry have the challenger, and promote it if it is to be."""
        kept = copy_bundle(path, self.registry.bundles)
        if self.rules.sign_key:
            sign(kept, Path(self.rules.sign_key))
        digest = kept.name
        if self.registry.aliases().get(CHALLENGER) != digest:
            self.registry.assign(CHALLENGER, digest, f"learned from {self.asked.window}")
        if report.outcome is Outcome.PROMOTED:
            self.registry.assign(CHAMPION, digest, report.reason, instead_of=[report.champion])

    def _refused(self, serving: str | None, challenger: str | None, finding: Finding) -> Report:
        return Report(Outcome.REFUSED, self.asked.window, serving, challenger, [finding])
