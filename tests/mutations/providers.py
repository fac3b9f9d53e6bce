"""Faults in the adapters and in what they share."""

from __future__ import annotations

from tests.mutations.base import Mutation

HTTP = "app/providers/http.py"
GOOEY = "app/providers/gooey.py"
RECIPE = "app/providers/gooey_recipe.py"
MAGIC_HOUR = "app/providers/magic_hour.py"
PROJECT = "app/providers/magic_hour_project.py"
AIML = "app/providers/aiml.py"
FAL = "app/providers/fal.py"
FAL_QUEUE = "app/providers/fal_queue.py"

COMMON = "tests/conformance/test_http_providers.py::test_"
KEY = "tests/conformance/test_key_and_addresses.py::test_"
TO_GOOEY = "tests/conformance/test_gooey.py::test_"
TO_MAGIC_HOUR = "tests/conformance/test_magic_hour.py::test_"
TO_AIML = "tests/conformance/test_aiml.py::test_"
TO_FAL = "tests/conformance/test_fal.py::test_"


def table(*cells: str) -> tuple[str, ...]:
    """Cells of the table of faults: provider, stage and fault."""
    tests = "tests/conformance/test_faults.py::test_a_fault_is_what_the_table_says"
    return tuple(f"{tests}[{cell}]" for cell in cells)


SENDING = (
    Mutation(
        "an order is sent again although its answer was lost",
        HTTP,
        "_NEVER_SENT = (httpx.ConnectError, ",
        "_NEVER_SENT = (httpx.TransportError, ",
        table("gooey-submit-reset", "fal_lipsync-submit-read_timeout"),
    ),
    Mutation(
        "a lost answer to an order is said to have cost nothing",
        HTTP,
        ' so it is not sent again.",\n                        charged=Charged.UNKNOWN,',
        ' so it is not sent again.",\n                        charged=costs,',
        table("magic_hour-submit-reset"),
    ),
    Mutation(
        "an order answered with 5xx is said to have cost nothing",
        HTTP,
        "charged=Charged.UNKNOWN if unsure else costs,",
        "charged=costs,",
        table("aiml_pixverse-submit-500"),
    ),
    Mutation(
        "a garbled answer to an order is said to have cost nothing",
        HTTP,
        "Charged.UNKNOWN if pays else costs, pays=pays",
        "costs, pays=pays",
        table("aiml_pixverse-submit-truncated"),
    ),
    Mutation(
        "a garbled answer to an order is worth a retry",
        HTTP,
        "error.retryable = not pays",
        "error.retryable = True",
        table("gooey-submit-html"),
    ),
    Mutation(
        "a connection that was never made is given up at once",
        HTTP,
        "_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)",
        "_NEVER_SENT = ()",
        (COMMON + "a_connection_that_was_never_made_is_tried_again",),
    ),
    Mutation(
        "an upload that breaks is given up at once",
        HTTP,
        "if pause is None or response.status_code < 500:",
        "if True:",
        (COMMON + "an_upload_that_breaks_is_sent_again",),
    ),
    Mutation(
        "redirects are followed",
        HTTP,
        "self._http.request(method, url, **request)",
        "self._http.request(method, url, follow_redirects=True, **request)",
        (KEY + "no_order_and_no_key_follows_a_redirect",),
    ),
    Mutation(
        "the key goes wherever a reply points",
        HTTP,
        "if _origin(url) not in [_origin(own) for own in self.origins]:",
        "if not url:",
        (KEY + "hijacked_replies_do_not_get_the_key",),
    ),
    Mutation(
        "the key goes with an upload",
        HTTP,
        'headers = {"Content-Length": str(length)}',
        'headers = {"Content-Length": str(length), "Authorization": self._key}',
        (KEY + "the_key_goes_to_the_vendor_and_nowhere_else",),
    ),
    Mutation(
        "the key stays in the vendor's words",
        HTTP,
        "message = clean(words.message, self._key)",
        'message = clean(words.message, "")',
        (KEY + "a_refusal_never_shows_the_key",),
    ),
    Mutation(
        "what a vendor says about when to come back is dropped",
        HTTP,
        "if unsure else costs,\n                retry_after=_retry_after(response),",
        "if unsure else costs,",
        table("gooey-submit-429"),
    ),
)

READING = (
    Mutation(
        "an unknown word ends the job",
        HTTP,
        "self.words.get(word, State.PROCESSING)",
        "self.words.get(word, State.FAILED)",
        (COMMON + "an_unknown_word_means_still_working",),
    ),
    Mutation(
        "an unknown word is a bug",
        HTTP,
        "self.words.get(word, State.PROCESSING)",
        "self.words[word]",
        (COMMON + "an_unknown_word_means_still_working",),
    ),
    Mutation(
        "a success without a video is one",
        HTTP,
        "if not url:\n                raise",
        "if url is False:\n                raise",
        (COMMON + "a_success_without_a_video_makes_no_sense",),
    ),
    Mutation(
        "a 403 that speaks of credits is a wrong key",
        "app/providers/refusals.py",
        '    ("insufficient credits", OutOfCredits),\n',
        "",
        table("magic_hour-submit-403_credits", "fal_lipsync-submit-403_credits"),
    ),
    Mutation(
        "a full queue is a broken provider",
        "app/providers/refusals.py",
        "    429: RateLimited,\n",
        "",
        table("fal_sync_lipsync-submit-429"),
    ),
)

ADAPTERS = (
    Mutation(
        "gooey: what is zero is left to Gooey.AI's example",
        RECIPE,
        "by_alias=True, exclude_none=True)",
        "by_alias=True, exclude_none=True, exclude_defaults=True)",
        (TO_GOOEY + "says_everything_even_by_default",),
    ),
    Mutation(
        "gooey: the model has another name",
        RECIPE,
        'serialization_alias="selected_model"',
        'serialization_alias="lipsync_model"',
        (TO_GOOEY + "says_everything_even_by_default",),
    ),
    Mutation(
        "gooey: a failed run is not known as one",
        GOOEY,
        'failed="failed"',
        'failed="error"',
        (COMMON + "a_failed_job_says_why[gooey]",),
    ),
    Mutation(
        "gooey: why a run failed is lost",
        GOOEY,
        "why=VendorWords(run.detail)",
        'why=VendorWords("")',
        (COMMON + "a_failed_job_says_why[gooey]",),
    ),
    Mutation(
        "gooey: an empty account is said to have been charged",
        GOOEY,
        "    credits_are_checked_late = True\n",
        "",
        table("gooey-status-402"),
    ),
    Mutation(
        "magic hour: the end of the media is not said",
        PROJECT,
        '{"start_seconds": self.start, "end_seconds": self.end}',
        '{"start_seconds": self.start}',
        (TO_MAGIC_HOUR + "lip_syncs_a_video",),
    ),
    Mutation(
        "magic hour: the end is after that of the media",
        PROJECT,
        "int(min(lengths) * 100) / 100",
        "round(max(lengths), 2)",
        (TO_MAGIC_HOUR + "ends_with_the_shorter_one",),
    ),
    Mutation(
        "magic hour: a still is no talking photo",
        PROJECT,
        "photo = files[0].kind is Kind.IMAGE",
        "photo = False",
        (TO_MAGIC_HOUR + "lets_a_still_talk",),
    ),
    Mutation(
        "magic hour: success has another word",
        MAGIC_HOUR,
        'success="complete"',
        'success="completed"',
        (COMMON + "a_job_goes_through_the_queue_to_its_video[magic_hour]",),
    ),
    Mutation(
        "magic hour: a plan that is too small is a wrong key",
        MAGIC_HOUR,
        "{403: PlanRequired}",
        "{}",
        table("magic_hour-submit-403_auth"),
    ),
    Mutation(
        "aiml: one of the two words for success is missing",
        AIML,
        'success="completed succeeded"',
        'success="completed"',
        (COMMON + "a_job_goes_through_the_queue_to_its_video[aiml_pixverse]",),
    ),
    Mutation(
        "aiml: files travel in the order although there are links",
        AIML,
        "order.links or (order.face, order.audio)",
        "(order.face, order.audio)",
        (TO_AIML + "sends_links_where_there_are_some",),
    ),
    Mutation(
        "aiml: files of any size travel in the order",
        AIML,
        "if not order.links and media.size",
        "if order.links and media.size",
        (TO_AIML + "refuses_files_too_large_to_be_sent_so",),
    ),
    Mutation(
        "aiml: an id is taken for a part of an address",
        AIML,
        'PATH, params={"generation_id": ticket["run_id"]}',
        "f\"{PATH}?generation_id={ticket['run_id']}\"",
        (TO_AIML + "an_id_may_hold_anything",),
    ),
    Mutation(
        "aiml: an error beside an unknown word is overlooked",
        AIML,
        'word = "error" if made.error and made.status not in self.words else made.status',
        "word = made.status",
        (COMMON + "a_failed_job_says_why[aiml_pixverse]",),
    ),
    Mutation(
        "gooey: a run's own failure is asked for again until patience ends",
        GOOEY,
        ', verdict=[AliasPath("detail", "run_id")]',
        "",
        (COMMON + "a_failed_job_says_why[gooey]",),
    ),
    Mutation(
        "gooey: a run that was stopped is followed until patience ends",
        GOOEY,
        "frozenset({404, 500})",
        "frozenset({404})",
        (TO_GOOEY + "a_run_that_was_stopped_on_its_page_is_told_after_some_minutes",),
    ),
    Mutation(
        "magic hour: a face is uploaded that nobody will see",
        PROJECT,
        "(order.audio,) if options.youtube_url else (order.face, order.audio)",
        "(order.face, order.audio)",
        (TO_MAGIC_HOUR + "a_video_of_youtubes_stands_in_for_the_face",),
    ),
    Mutation(
        "fal: its log is not asked for",
        FAL_QUEUE,
        ', params={"logs": "1"}',
        "",
        (COMMON + "a_job_goes_through_the_queue_to_its_video[fal_lipsync]",),
    ),
    Mutation(
        "fal: the first line of the log is told",
        FAL_QUEUE,
        'at("logs", -1)',
        'at("logs", 0)',
        (TO_FAL + "tells_the_last_line_of_its_log",),
    ),
    Mutation(
        "what an address asks already is lost when more is asked",
        HTTP,
        "return f\"{url}{'&' if '?' in url else '?'}{urlencode(params)}\" if params else url",
        "return f\"{url.partition('?')[0]}?{urlencode(params)}\" if params else url",
        (TO_FAL + "asks_for_the_log_without_changing_the_address",),
    ),
    Mutation(
        "a failure further upstream is the caller's fault",
        "app/providers/refusals.py",
        '    ("downstream_service_error", ProviderError),\n',
        "",
        (COMMON + "a_failed_job_says_why[fal_lipsync]",),
    ),
    Mutation(
        "fal: the address of the status is built and not used as given",
        FAL_QUEUE,
        '"status_url": queued.status_url',
        '"status_url": f"/{path}/requests/{queued.request_id}/status"',
        (TO_FAL + "asks_at_the_address_it_was_given",),
    ),
    Mutation(
        "fal: an error beside COMPLETED is ignored",
        FAL_QUEUE,
        "if status.error:",
        "if False:",
        (COMMON + "a_failed_job_says_why[fal_sync_lipsync]",),
    ),
    Mutation(
        "fal: a model's own error is asked for again until patience ends",
        FAL_QUEUE,
        ", verdict=TYPES",
        "",
        (COMMON + "a_failed_job_says_why[fal_sync_lipsync]",),
    ),
    Mutation(
        "fal: the order is canceled at another address",
        FAL_QUEUE,
        '"PUT", ticket["cancel_url"]',
        '"PUT", ticket["response_url"]',
        (COMMON + "cancel_works_or_says_that_it_cannot[fal_lipsync]",),
    ),
    Mutation(
        "fal: the key is sent as others take it",
        FAL_QUEUE,
        '    auth = "Key {}"\n',
        "",
        (KEY + "the_key_goes_to_the_vendor_and_nowhere_else[fal_lipsync]",),
    ),
    Mutation(
        "fal: the chosen sync mode is not passed on",
        FAL,
        '{"sync_mode": order.sync_mode.value} if order.sync_mode else {}',
        "{}",
        (TO_FAL + "chooses_endpoint_model_and_sync_mode",),
    ),
)

PROVIDERS: tuple[Mutation, ...] = (*SENDING, *READING, *ADAPTERS)
