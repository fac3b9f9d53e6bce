"""Faults in what reaches the addresses that others name."""

from __future__ import annotations

from tests.mutations.base import Mutation

ADDRESSES = "app/addresses.py"

REACHED = "tests/test_addresses.py::test_"


def fault(name: str, old: str, new: str, test: str) -> Mutation:
    return Mutation(name, ADDRESSES, old, new, (REACHED + test,))


REACHING: tuple[Mutation, ...] = (
    fault(
        "private networks are reached",
        "if not self._allow_private and not all(",
        "if False and not all(",
        "no_private_address_is_asked",
    ),
    fault(
        "one public address opens the door to private ones",
        "not all(public(address)",
        "not any(public(address)",
        "no_private_address_is_asked",
    ),
    fault(
        "private addresses hide in those of another version",
        "[ip, *_within(ip)]",
        "[ip]",
        "no_private_address_is_asked",
    ),
    fault(
        "addresses that only a hoster's machines can reach are reached",
        "not ip.is_multicast and not own",
        "not ip.is_multicast",
        "no_private_address_is_asked",
    ),
    fault(
        "every address of IPv6 that is not private is public",
        "if ip.version == 6 and ip not in _UNICAST:",
        "if False:",
        "no_private_address_is_asked",
    ),
    fault(
        "a redirect is not looked at",
        "follow_redirects=False",
        "follow_redirects=True",
        "no_redirect_leads_to_a_private_address",
    ),
    fault(
        "a name is resolved again after it was checked",
        "asked.copy_with(host=address)",
        "asked.copy_with()",
        "the_address_that_was_checked_is_the_one_that_is_asked",
    ),
    fault(
        "a certificate is checked against an address",
        '{"sni_hostname": name.rstrip(".")}',
        "{}",
        "the_certificate_is_checked_against_the_name",
    ),
    fault(
        "a connection serves another name on the same address",
        '"Connection": "close"',
        '"Connection": "keep-alive"',
        "every_request_has_a_connection_of_its_own",
    ),
    fault(
        "other services of a host are reached",
        "else _FIRST_FREE_PORT",
        "else 1",
        "only_the_web_is_reached",
    ),
    fault(
        "a result may be of any size",
        "if size > most_bytes:",
        "if False:",
        "no_more_is_taken_of_what_does_not_say_how_long_it_is",
    ),
    fault(
        "what says that it is too large is begun",
        "int(declared) > most_bytes",
        "False",
        "what_says_that_it_is_too_large_is_not_even_begun",
    ),
    fault(
        "what is packed is unpacked",
        'answer.headers.get("content-encoding", "identity") != "identity"',
        "False",
        "nothing_packed_is_unpacked",
    ),
    fault(
        "a result may take for ever",
        "async with asyncio.timeout(seconds):\n                return",
        "async with asyncio.timeout(None):\n                return",
        "what_drips_is_not_waited_for",
    ),
)
