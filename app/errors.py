"""Everything that can go wrong, as one tree.

::

    LipSyncError                        a fault with a code, an HTTP status and one clear sentence
    ├── OrderError                      the caller can mend it; nothing was spent
    │   ├── UnsupportedImage        400
    │   ├── UnsupportedAudio        400
    │   ├── UnreadableMedia         400
    │   ├── Unauthorized            401
    │   ├── NotFound                404
    │   ├── AlreadyFinal            409
    │   ├── StillRunning            409
    │   ├── Canceled                409  its caller did not want the job any more
    │   ├── Gone                    410  it was here once
    │   ├── TooLarge                413
    │   ├── RangeNotSatisfiable     416
    │   ├── InvalidRequest          422
    │   ├── NoFace                  422
    │   ├── NoSpeech                422
    │   ├── TooLong                 422
    │   ├── InputRejected           422  the provider does not take this file
    │   ├── ContentPolicy           422  the provider will not do this
    │   ├── BlockedUrl              422
    │   ├── IdempotencyKeyReused    422
    │   ├── MaxCostExceeded         422
    │   └── RateLimited             429
    ├── OperatorError                   whoever runs the service can mend it
    │   ├── ProviderNotConfigured   500
    │   ├── InternalError           500
    │   ├── StorageUnavailable      503
    │   └── Overloaded              503
    └── ProviderError               502 the provider failed, or our own engine did
        ├── OutOfCredits            402
        ├── PlanRequired            402
        ├── ProviderAuth            500  it refused our key, which is not the caller's fault
        ├── BadAnswer               502
        ├── OutcomeUnknown          502  perhaps paid for, and therefore never sent again
        ├── ProviderUnavailable     503
        └── TimedOut                504

The first line of a class's docstring is its default sentence.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class Charged(StrEnum):
    """Whether the provider took money for a job."""

    NO = "no"
    YES = "yes"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class VendorWords:
    """What the vendor itself said: its HTTP status and code where it gave them, and its words."""

    message: str
    status: int | None = None
    code: str | None = None


class LipSyncError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Internal error"
    status: ClassVar[int] = 500
    retryable: bool = False

    def __init__(
        self,
        detail: str | None = None,
        *,
        charged: Charged = Charged.NO,
        retry_after: float | None = None,
        vendor: VendorWords | None = None,
    ) -> None:
        self.detail = detail or (inspect.getdoc(type(self)) or "").splitlines()[0]
        self.charged = charged
        self.retry_after = retry_after
        self.vendor = vendor
        super().__init__(self.detail)

    def __reduce__(self) -> tuple[object, ...]:
        # An error crosses from a worker process to the service: a detail is all it carries there.
        return type(self), (self.detail,)


class OrderError(LipSyncError):
    """The request cannot be carried out as it is."""

    code = "invalid_request"
    title = "Invalid request"
    status = 422


class UnsupportedImage(OrderError):
    """Invalid image format. Supported: .jpg, .jpeg, .png, .mp4, .mov, .webp, .heic, .heif, .avif, .bmp, .tiff, .gif, .m4v, .webm, .mkv, .avi"""  # noqa: E501

    code = "unsupported_image"
    title = "Unsupported image"
    status = 400


class UnsupportedAudio(OrderError):
    """Invalid audio format. Supported: .mp3, .wav, .m4a, .aac, .ogg, .opus, .webm, .flac, .aiff, .amr, and the sound track of a video"""  # noqa: E501

    code = "unsupported_audio"
    title = "Unsupported audio"
    status = 400


class UnreadableMedia(OrderError):
    """The file is broken or empty."""

    code = "unreadable_media"
    title = "Unreadable media"
    status = 400


class Unauthorized(OrderError):
    """A valid key is needed: send it as Authorization: Bearer."""

    code = "unauthorized"
    title = "Unauthorized"
    status = 401


class NotFound(OrderError):
    """There is nothing here."""

    code = "not_found"
    title = "Not found"
    status = 404


class AlreadyFinal(OrderError):
    """The job is final already."""

    code = "already_final"
    title = "Already final"
    status = 409


class StillRunning(OrderError):
    """The job is still under way: cancel it first, or wait for its end."""

    code = "still_running"
    title = "Still running"
    status = 409


class Canceled(OrderError):
    """The job was canceled."""

    code = "canceled"
    title = "Canceled"
    status = 409


class Gone(OrderError):
    """The files of this job were deleted, because they had become old."""

    code = "gone"
    title = "Gone"
    status = 410


class TooLarge(OrderError):
    """The file is too large."""

    code = "too_large"
    title = "Too large"
    status = 413


class RangeNotSatisfiable(OrderError):
    """The file is shorter than the range that was asked for."""

    code = "range_not_satisfiable"
    title = "Range not satisfiable"
    status = 416


class InvalidRequest(OrderError):
    """A field is missing or wrong."""

    errors: Sequence[Mapping[str, object]] | None = None
    """Everything that is wrong, where it is more than the sentence says."""


class NoFace(OrderError):
    """No face was found in the image. Use a clear, front-facing human face."""

    code = "no_face"
    title = "No face found"


class NoSpeech(OrderError):
    """No speech was found in the audio. Use a recording of somebody speaking."""

    code = "no_speech"
    title = "No speech found"


class TooLong(OrderError):
    """The audio is too long."""

    code = "too_long"
    title = "Too long"


class InputRejected(OrderError):
    """The provider does not take this input."""

    code = "input_rejected"
    title = "Input rejected"


class ContentPolicy(OrderError):
    """The provider will not work on this content."""

    code = "content_policy"
    title = "Against the content policy"


class BlockedUrl(OrderError):
    """This address may not be fetched."""

    code = "blocked_url"
    title = "Address refused"


class IdempotencyKeyReused(OrderError):
    """This Idempotency-Key was sent before with another order. Use a new key for a new order."""

    code = "idempotency_key_reused"
    title = "Idempotency key reused"


class MaxCostExceeded(OrderError):
    """The order would cost more than max_cost allows."""

    code = "max_cost_exceeded"
    title = "Too expensive"


class RateLimited(OrderError):
    """Too many requests. Try again later."""

    code = "rate_limited"
    title = "Too many requests"
    status = 429
    retryable = True


class OperatorError(LipSyncError):
    """The service is not able to do this."""


class ProviderNotConfigured(OperatorError):
    """The provider is not configured."""

    code = "provider_not_configured"
    title = "Provider not configured"


class InternalError(OperatorError):
    """Something went wrong here. It was logged."""


class StorageUnavailable(OperatorError):
    """The storage of this service cannot be reached. Try again later."""

    code = "storage_unavailable"
    title = "The storage is unavailable"
    status = 503
    retryable = True


class Overloaded(OperatorError):
    """Too much is under way already. Try again later."""

    code = "overloaded"
    title = "Overloaded"
    status = 503
    retryable = True


class ProviderError(LipSyncError):
    """The provider failed."""

    code = "provider_error"
    title = "The provider failed"
    status = 502
    retryable = True


class OutOfCredits(ProviderError):
    """The provider account has no credit left."""

    code = "out_of_credits"
    title = "Out of credits"
    status = 402
    retryable = False


class PlanRequired(ProviderError):
    """The provider account's plan does not include this."""

    code = "plan_required"
    title = "Another plan is required"
    status = 402
    retryable = False


class ProviderAuth(ProviderError):
    """The provider refused the key that this service has for it."""

    code = "provider_auth"
    title = "The provider refused the key"
    status = 500
    retryable = False


class BadAnswer(ProviderError):
    """The provider answered something that makes no sense."""

    code = "bad_answer"
    title = "The provider answered nonsense"
    retryable = False


class OutcomeUnknown(ProviderError):
    """The order was sent and its answer lost. It may be under way and paid for, so it is not sent again."""  # noqa: E501

    code = "outcome_unknown"
    title = "The outcome is unknown"
    retryable = False


class ProviderUnavailable(ProviderError):
    """The provider cannot be reached. Try again later."""

    code = "provider_unavailable"
    title = "The provider is unavailable"
    status = 503


class TimedOut(ProviderError):
    """Video generation timed out. Try with shorter audio or smaller image."""

    code = "timeout"
    title = "Timed out"
    status = 504
    retryable = False  # whoever waited in vain has a job that goes on: another would be paid, too


def _tree(root: type[LipSyncError]) -> list[type[LipSyncError]]:
    return [root, *(leaf for branch in root.__subclasses__() for leaf in _tree(branch))]


def every_error() -> list[type[LipSyncError]]:
    """Every error a caller can meet: one class for each code."""
    return list({error.code: error for error in _tree(LipSyncError)}.values())
