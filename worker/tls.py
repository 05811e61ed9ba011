"""Why a connection over TLS failed, where a later one would fail the same way."""

import ssl
from collections.abc import Iterator

_TRANSIENT = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)  # the other side left


def refusal(error: BaseException) -> str | None:
    """Return what one side refused of the other; none where TLS is not why, or may do later."""
    cause = next((one for one in _causes(error) if isinstance(one, ssl.SSLError)), None)
    if cause is None or isinstance(cause, _TRANSIENT):
        return None
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {cause.verify_message}"
    return f"no TLS with it: {cause.reason}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those it came from; kafka-python keeps some as arguments."""
    while error is not None:
        yield error
        inner = next((one for one in error.args if isinstance(one, BaseException)), None)
        error = inner or error.__cause__ or error.__context__
