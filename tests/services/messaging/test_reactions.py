"""What messaging does with news of other services."""

from tests.harness import Services
from tests.services.messaging.chats import direct, say

from kaif.interfaces.auth import Person, PersonChanged
from kaif.interfaces.messaging.actions import DeleteMessages, ListReactions, React
from kaif.interfaces.personal_data import PersonErased
from kaif.kernel.actor import UserId
from kaif.services.messaging import people_store
from kaif.services.messaging.chats.knowing import Acquaintance
from kaif.services.messaging.model import erased_name
from kaif.services.messaging.reactions import Reactions
from kaif.services.messaging.sending.announcing import Announcer

ANNA = Person(UserId("a1"), "anna", "Анна")


async def test_a_person_is_remembered_once_however_often_the_news_comes(services: Services) -> None:
    acquaintance = Acquaintance(services.database, Announcer(services.cache))

    for _ in range(3):
        await acquaintance.remember_person(PersonChanged(person=ANNA))

    assert await people_store.known_people(services.database, [ANNA.id]) == [ANNA]


async def test_newer_news_takes_the_place_of_older(services: Services) -> None:
    acquaintance = Acquaintance(services.database, Announcer(services.cache))
    renamed = Person(ANNA.id, "anna", "Анна Ветрова", 5)

    await acquaintance.remember_person(PersonChanged(person=ANNA))
    await acquaintance.remember_person(PersonChanged(person=renamed))

    assert await people_store.known_people(services.database, [ANNA.id]) == [renamed]


async def test_news_from_before_somebody_was_erased_gives_them_no_name_again(services: Services) -> None:
    acquaintance = Acquaintance(services.database, Announcer(services.cache))
    remains = Person(ANNA.id, erased_name(ANNA.id), "Удалённый аккаунт")
    await acquaintance.remember_person(PersonChanged(person=ANNA))
    await Reactions(services.database).forget_person(PersonErased(erasure_id="e", remains=remains))

    await acquaintance.remember_person(PersonChanged(person=ANNA))

    assert await people_store.known_people(services.database, [ANNA.id]) == [remains]


async def test_whoever_is_erased_leaves_reactions_under_no_name_and_what_they_had_hidden_nowhere(
    services: Services,
) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    sent = await say(services, anna, await direct(services, anna, boris))
    of = (sent.chat_id, sent.seq)
    await services.actions.add_reaction(boris, React(*of, "👍"))
    await services.actions.delete_messages(boris, DeleteMessages(sent.chat_id, [sent.seq], False))
    remains = Person(boris.user_id, "", "")

    for _ in range(2):
        await Reactions(services.database).forget_person(PersonErased(erasure_id="e", remains=remains))

    (reaction,) = (await services.actions.list_reactions(anna, ListReactions(*of))).reactions
    assert reaction.person == remains
    assert await services.database.fetch(tuple, "SELECT * FROM messaging_hidden") == []
