"""LSTM, AVG-LSTM, VAB-LSTM and TAB-LSTM: one network with four poolings (sections 3 and 4.2.1)."""

import numpy as np
import numpy.typing as npt

from trainer.network_method import NetworkMethod, Sizes
from trainer.networks import HashtagNetwork
from trainer.settings import FitSettings


class LstmFamily(NetworkMethod):
    """The networks of the paper; `settings.method` says which."""

    @staticmethod
    def build(
        settings: FitSettings, sizes: Sizes, vectors: npt.NDArray[np.float32]
    ) -> HashtagNetwork:
        """Return the network before it has learned."""
        return HashtagNetwork(
            settings.method, vectors, sizes.hashtags, sizes.topics, settings.hidden
        )
