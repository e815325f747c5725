"""What each kind of problem means and what a client should do about it, by its name."""

from __future__ import annotations

from typing import NamedTuple


class Guide(NamedTuple):
    """The text of one kind of problem."""

    meaning: str
    """What has happened."""
    advice: str
    """What a client should do."""
    detail: str
    """A `detail` as such an answer may carry it."""


GUIDES = {
    "empty-query": Guide(
        "What was typed holds no letter and no digit, so there is nothing to search for.",
        "Show no results, and ask again when something is typed. Repeating the request changes nothing.",
        "q: holds no letter and no digit to search for",
    ),
    "bad-request": Guide(
        "A parameter or a part of the body is missing, unknown, repeated or out of range; `errors` names "
        "every one, of a body the first.",
        "Correct the request: repeating it changes nothing.",
        "limit: expected `int` <= 50",
    ),
    "unauthorized": Guide(
        "The request takes a token, and carries none or an unknown one.",
        "Send `Authorization: Bearer TOKEN` with a token that whoever operates the service has set up.",
        "a token is needed: send it as `Authorization: Bearer TOKEN`",
    ),
    "forbidden": Guide(
        "The token is known, but its role does not allow this.",
        "Use a token of the role that `detail` names.",
        "this takes a token of the role admin; reader has the role read",
    ),
    "admin-disabled": Guide(
        "No token is configured at all, so nobody can administer the service over HTTP.",
        "Set MARQUEE_ADMIN_TOKEN or MARQUEE_TOKENS_FILE where the service runs, or use the command line.",
        "no token is configured: administration takes MARQUEE_ADMIN_TOKEN or MARQUEE_TOKENS_FILE",
    ),
    "not-found": Guide(
        "There is nothing of this id, or no such path.",
        "Do not ask again for an id: it may have left the source, which a search by name tells.",
        "nothing has the id nm0000000",
    ),
    "method-not-allowed": Guide(
        "The path exists, but not with this method.",
        "Use one of the methods that the header `Allow` lists.",
        "Method Not Allowed",
    ),
    "overloaded": Guide(
        "More is asked than can be answered in time; this request was not tried.",
        "Wait for the seconds that `Retry-After` names, and ask again.",
        "more is asked than can be answered in time",
    ),
    "engine-full": Guide(
        "The search engine's disk is full: it answers searches, and takes no writes until it has room.",
        "Tell whoever operates the service; reading is not affected.",
        "Elasticsearch takes no writes: blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage "
        "watermark, index has read-only-allow-delete block];",
    ),
    "other-release": Guide(
        "The record was written by another release of Marquee, which this one cannot read.",
        "Ask a service of that release, or wait until all are upgraded.",
        "job 20260102t030405-abcdef was written by another release of Marquee: use that one",
    ),
    "conflict": Guide(
        "What is asked for does not go together with how things stand now; `detail` says with what.",
        "Look at the present state before asking again.",
        "v1-20260102t000000 is live already",
    ),
    "job-running": Guide(
        "Another job is under way, which `job` describes: one runs at a time.",
        "Follow that job, or cancel it, and ask again when it has ended.",
        "job 20261124t102501-1f3a9c is running (asked for by admin)",
    ),
    "request-timeout": Guide(
        "The request, its body included, had not arrived after 20 seconds.",
        "Send it in one go, and over another connection: this one is closed.",
        "the request took too long to arrive",
    ),
    "request-entity-too-large": Guide(
        "The body is longer than this endpoint reads.",
        "Send less at once: split a match into several.",
        "Request Entity Too Large",
    ),
    "request-uri-too-long": Guide(
        "The URL is longer than 32 KB.",
        "Shorten the query; `q` counts up to 200 characters.",
        "the URL is longer than 32768 bytes",
    ),
    "unsupported-media-type": Guide(
        "The body is not said to be of the kind that the endpoint takes, which is JSON nearly everywhere.",
        "Send the `Content-Type` that `detail` names.",
        "the body must be application/json",
    ),
    "too-many-requests": Guide(
        "This token or address has asked more often than it may.",
        "Wait for the seconds that `Retry-After` names; ask less often, say once somebody stops typing.",
        "Too Many Requests",
    ),
    "request-header-fields-too-large": Guide(
        "The headers of the request are longer than any honest client's.",
        "Leave out what does not belong here, cookies of other pages above all.",
        "Request Header Fields Too Large",
    ),
    "not-ready": Guide(
        "The search engine answers, but nothing is indexed yet.",
        "Wait for the seconds that `Retry-After` names. If it lasts, no reindex was run or the first one has "
        "failed: `marquee status` tells.",
        "no generation is live yet: run `marquee reindex`",
    ),
    "engine-unavailable": Guide(
        "The search engine did not answer, or not in time, or only in part. Marquee recovers by itself.",
        "Wait for the seconds that `Retry-After` names, and ask again; go on without search meanwhile.",
        "Elasticsearch cannot be reached",
    ),
    "internal-error": Guide(
        "Something broke on our side, which has been logged.",
        "Ask again once; if it comes back, tell whoever operates the service the time and the request.",
        "The fault is on this side and has been logged.",
    ),
}
