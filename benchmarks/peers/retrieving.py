"""Retrieval as the promises mean it: a name typed, and who that is and what they are known for comes back.

Marquee's hits say so themselves, and the scraper reads it off a page; cinemagoer needs a second call.
"""

from __future__ import annotations

from benchmarks.peers.cinemagoer_dataset import CinemagoerDataset
from benchmarks.subject import Person, SearchReply


class RetrievingCinemagoer(CinemagoerDataset):
    """All of IMDb's files imported; the first person found is looked up with their titles."""

    def __init__(self) -> None:
        super().__init__(everything=True)

    def search(self, q: str, limit: int) -> SearchReply:
        access, found = self.access(), list[Person]()
        for person in self.find(q, 1)[:1]:
            access.update(person, "main")
            person.get("known for")
            found.append(Person(f"nm{int(person.personID):07}", person["name"]))
        return SearchReply(found[:limit])
