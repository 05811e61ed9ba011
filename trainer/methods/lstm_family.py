"""LSTM, AVG-LSTM, VAB-LSTM and TAB-LSTM: one network with four poolings (sections 3 and 4.2.1)."""

from trainer.network_method import NetworkMethod, Sizes, Vectors
from trainer.networks import HashtagNetwork
from trainer.settings import FitSettings


class LstmFamily(NetworkMethod):
    """The networks of the paper; `settings.method` says which."""

    @staticmethod
    def build(settings: FitSettings, sizes: Sizes, vectors: Vectors) -> HashtagNetwork:
        """Return the network before it has learned."""
        return HashtagNetwork(
            settings.method, vectors.words, sizes.hashtags, sizes.topics, settings.hidden
        )
