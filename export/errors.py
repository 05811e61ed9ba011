"""What can be wrong with a bundle or a registry; each message says what to do."""


class BundleError(Exception):
    """A bundle that must not be served."""


class BundleIncompleteError(BundleError):
    """A file that the bundle needs is not there."""


class BundleCorruptError(BundleError):
    """A byte differs from what was published."""


class BundleIncompatibleError(BundleError):
    """The bundle's schema, or a variant of it, is not one that this version can serve."""


class SignatureError(BundleError):
    """Nobody who is trusted signed the bundle, or a key cannot be read."""


class GoldenMismatchError(BundleError):
    """The bundle's graph does not repeat its golden examples on this machine."""


class ParityError(Exception):
    """The ONNX graph differs from the reference it was made from."""


class TopicParityError(ParityError):
    """The topic distributions differ by more than the tolerance."""


class ScoreParityError(ParityError):
    """The scores differ by more than the tolerance."""


class RankingParityError(ParityError):
    """The ranking differs where the scores are no tie."""


class RegistryError(Exception):
    """The registry cannot be read, or does not hold what was asked for."""


class RegistryChangedError(RegistryError):
    """Someone else changed an alias meanwhile."""
