"""What messaging does with news of other services."""

from tests.harness import Services

from kaif.interfaces.auth import Person, PersonChanged
from kaif.kernel.actor import UserId
from kaif.services.messaging import store
from kaif.services.messaging.reactions import Reactions

ANNA = Person(UserId("a1"), "anna", "Анна")


async def test_a_person_is_remembered_once_however_often_the_news_comes(services: Services) -> None:
    reactions = Reactions(services.database)

    for _ in range(3):
        await reactions.remember_person(PersonChanged(person=ANNA))

    assert await store.known_people(services.database, [ANNA.id]) == [ANNA]


async def test_newer_news_takes_the_place_of_older(services: Services) -> None:
    reactions = Reactions(services.database)
    renamed = Person(ANNA.id, "anna", "Анна Ветрова", 5)

    await reactions.remember_person(PersonChanged(person=ANNA))
    await reactions.remember_person(PersonChanged(person=renamed))

    assert await store.known_people(services.database, [ANNA.id]) == [renamed]
