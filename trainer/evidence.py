"""All that a comparison leaves beside the tables: corpus, topics, attention."""

from collections.abc import Sequence

from trainer.attention import write_attention
from trainer.catalogue import method_card
from trainer.compare import Writer
from trainer.corpus_card import corpus_row, topics_row
from trainer.provenance import Provenance
from trainer.study import Case, Study


def write_evidence(study: Study, cells: Sequence[Case], writer: Writer) -> None:
    """Write it for each protocol that was compared."""
    for protocol in dict.fromkeys(case.protocol for case in cells):
        some = [case for case in cells if case.protocol == protocol]
        about = writer.about(some[0], Provenance.of_this_process()) | {"method": "-"}
        writer.evidence("corpus", corpus_row(study, some[0], about))
        networks = [case for case in some if method_card(case.method).network]
        if networks:
            writer.evidence("topics", topics_row(study, networks[0], about))
    write_attention(study, cells, writer)
