"""What else is in a batch, and in which order, changes no answer of a variant that says so."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.bundle import Bundle
from export.manifest import CPU_VARIANTS, Tolerance
from export.parity import compare
from worker.predictor import Predictor

NEAR = Tolerance(theta=2e-6, scores=2e-6, ties=2e-6)
LARGEST = 128


@pytest.fixture(scope="module", params=CPU_VARIANTS)
def served(bundle: Bundle, request: pytest.FixtureRequest) -> Predictor:
    assert not bundle.manifest.variants[request.param].batch_dependent
    return Predictor(bundle, request.param)


@settings(max_examples=25)
@given(data=st.data())
def test_the_batch_changes_no_answer(served: Predictor, data: st.DataObject) -> None:
    words = sorted(served.bundle.tokenizer().get_vocab())
    post = st.lists(st.sampled_from(words), min_size=1, max_size=40).map(" ".join)
    texts = data.draw(st.lists(post, min_size=1, max_size=LARGEST + 10))
    inputs = [item for item in served.encode(texts) if not item.empty]
    order = data.draw(st.permutations(range(len(inputs))))
    served.batch = 1
    alone = served.answers(inputs)
    served.batch = data.draw(st.sampled_from([2, 8, 33, LARGEST]))
    together = served.answers([inputs[at] for at in order])
    compare([alone[at] for at in order], together, NEAR)
