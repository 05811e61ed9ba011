"""What a bundle knows of the words that its answers weigh."""

from collections.abc import Callable
from dataclasses import dataclass

from tokenizers import Tokenizer

from export.bundle import read_bundle
from export.errors import BundleError, RegistryError
from worker.messages import Suggestion
from worker.models import named
from worker.settings import ModelSettings


@dataclass(frozen=True)
class Glossary:
    """The words of one bundle: `topics`, the top words of each."""

    tokenizer: Tokenizer
    topics: list[list[str]]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return where the words that the graph reads begin and end in a text, in their order."""
        return list(self.tokenizer.encode(text, add_special_tokens=False).offsets)


class Glossaries:
    """The glossaries of the models that answer; `tell` hears, once a model, why one is not here."""

    def __init__(self, settings: ModelSettings, tell: Callable[[str], None]) -> None:
        self._settings, self._tell = settings, tell
        self._known: dict[str, Glossary | None] = {}

    def of(self, answer: Suggestion) -> Glossary | None:
        """Return the glossary of the model that gave an answer, where that explains itself."""
        if answer.attention is None:
            return None
        if answer.model not in self._known:
            self._known[answer.model] = self._opened(answer.model)
        return self._known[answer.model]

    def _opened(self, model: str) -> Glossary | None:
        try:
            bundle = read_bundle(named(self._settings))
        except (BundleError, RegistryError) as error:
            self._tell(f"no words of {model}: {error}")
            return None
        if bundle.name != model:
            self._tell(f"no words of {model}: the bundle that is served here is {bundle.name}")
            return None
        return Glossary(bundle.tokenizer(), bundle.topics())
