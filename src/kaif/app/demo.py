"""Fills a running server with people, groups and conversations, through its own API, as any client would.

Everything is derived from fixed seeds and sent under fixed references, so that running it twice, or
going on after an interruption, changes nothing that is already there.
"""

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kaif.app.folder import running, secret_file
from kaif.app.settings import Misconfigured

PEOPLE = [
    ("anna.vetrova", "Анна Ветрова"),
    ("marina.sokolova", "Марина Соколова"),
    ("timur.akhmetov", "Тимур Ахметов"),
    ("artem.lebedev", "Артём Лебедев"),
    ("oliver.grant", "Oliver Grant"),
    ("darya.klimova", "Дарья Климова"),
    ("gleb.orlov", "Глеб Орлов"),
    ("lena.zimina", "Лена Зимина"),
    ("emma.clarke", "Emma Clarke"),
    ("ivan.petrov", "Иван Петров"),
    ("sofia.belova", "София Белова"),
    ("jack.miller", "Jack Miller"),
    ("olga.novikova", "Ольга Новикова"),
    ("kirill.frolov", "Кирилл Фролов"),
    ("grace.hughes", "Grace Hughes"),
    ("nikita.morozov", "Никита Морозов"),
    ("vera.egorova", "Вера Егорова"),
    ("liam.walker", "Liam Walker"),
    ("polina.dyachenko", "Полина Дьяченко"),
    ("roman.titov", "Роман Титов"),
    ("chloe.bennett", "Chloe Bennett"),
    ("maksim.gusev", "Максим Гусев"),
    ("alina.safina", "Алина Сафина"),
    ("henry.cooper", "Henry Cooper"),
]
GROUPS = [
    ("Команда «Причал»", range(9)),
    ("Сапы и вёсла, продажа", range(3, 16)),
    ("Lake Club: weekend plans", range(4, 24, 2)),
    ("Соседи по берегу", range(0, 24, 3)),
    ("Design & pottery", range(1, 20, 2)),
    ("Рыбаки и термосы", range(5, 22, 2)),
]

_RU_START = [
    "Доброе утро!", "Кстати,", "Смотрите,", "Коллеги,", "Вчера вечером", "На выходных", "Если честно,", "Напомню:",
    "Только что", "Хорошая новость:", "Подскажите,", "По поводу субботы:",
]  # fmt: skip
_RU_MIDDLE = [
    "лодка уже на причале", "забрал заказ из пункта выдачи", "на Круглом озере туман", "погоду обещают отличную",
    "чайник добрался целым", "собираемся у маяка", "палатку можно взять у меня", "весло нашлось под мостками",
    "глазурь вышла ровно того цвета", "билеты подорожали", "расписание катера поменяли", "вода восемнадцать градусов",
]  # fmt: skip
_RU_END = [
    "Кто со мной?", "Напишите, если успеете.", "Спасибо всем, кто помог!", "Фото пришлю вечером.", "Буду к семи.",
    "Возьмите тёплые вещи.", "Что скажете?", "Договорились 👍", "", "", "", "Места хватит на троих.",
]  # fmt: skip
_EN_START = [
    "Morning!", "By the way,", "Quick update:", "Last night", "This weekend", "Honestly,", "Reminder:", "Good news:",
    "Does anyone know if", "About Saturday:", "Just saw that", "For the record,",
]  # fmt: skip
_EN_MIDDLE = [
    "the boat is back at the pier", "the parcel has arrived", "there is fog on the lake", "the forecast looks great",
    "the teapot came in one piece", "we meet by the lighthouse", "I can lend a tent", "the paddle was under the dock",
    "the glaze turned out perfect", "tickets went up again", "the ferry timetable changed", "the water is 18 degrees",
]  # fmt: skip
_EN_END = [
    "Who is in?", "Let me know if you can make it.", "Thanks, everyone!", "Pictures tonight.", "There by seven.",
    "Bring something warm.", "What do you think?", "Deal 👍", "", "", "", "Room for three.",
]  # fmt: skip

TOGETHER = 16


class Member:
    """One of the demo's people, signed in."""

    def __init__(self, http: httpx.AsyncClient, user_id: str, token: str) -> None:
        self.id = user_id
        self._http, self._headers = http, {"Authorization": f"Bearer {token}"}

    async def get(self, path: str) -> Any:
        return (await _patiently(lambda: self._http.get(path, headers=self._headers))).json()

    async def post(self, path: str, **fields: Any) -> Any:
        return (await _patiently(lambda: self._http.post(path, json=fields, headers=self._headers))).json()


class Chat(msgspec.Struct):
    """A conversation and the people who speak in it; `share` is its part of all messages."""

    id: str
    speakers: list[Member]
    share: int


async def _patiently(call: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """The answer; a server that asks for patience gets it."""
    while True:
        response = await call()
        if response.status_code not in (429, 503):
            break
        await asyncio.sleep(response.json().get("retry_after_ms", 1000) / 1000)
    if response.is_error and response.json().get("code") != "username_taken":
        raise Misconfigured(f"The server refuses: {response.json().get('detail', response.text)}")
    return response


def run(data: Path, messages: int, say: Callable[[str], None]) -> None:
    """Raises Misconfigured when no server of that folder runs, or it is not set up yet."""
    holder = running(data)
    if holder is None or not holder.url:
        raise Misconfigured(f"No server runs with the data folder {data}: start one with `kaif up`.")
    password = secret_file(data / "secrets" / "demo-password", lambda: secrets.token_urlsafe(15))
    asyncio.run(_fill(holder.url, password, messages))
    say(f"The demo is in place. Sign in at {holder.url} as {PEOPLE[0][0]} with the password {password}")


async def _fill(url: str, password: str, messages: int) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        if (await http.get("/v1/auth/setup")).json()["needed"]:
            raise Misconfigured("Make the operator's account first, with the link that `kaif up` printed.")
        with Progress(
            TextColumn("{task.description:>9}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        ) as progress:
            people = await _people(http, password, progress)
            chats = await _chats(people, progress)
            await _messages(chats, messages, progress)


async def _people(http: httpx.AsyncClient, password: str, progress: Progress) -> list[Member]:
    task = progress.add_task("people", total=len(PEOPLE))
    people = []
    for username, display_name in PEOPLE:
        people.append(await _person(http, username, display_name, password))
        progress.advance(task)
    return people


async def _person(http: httpx.AsyncClient, username: str, display_name: str, password: str) -> Member:
    fields = {"username": username, "email": f"{username}@example.org", "display_name": display_name}
    answer = await _patiently(lambda: http.post("/v1/auth/register", json={**fields, "password": password}))
    if answer.is_error:
        login = {"login": username, "password": password}
        answer = await _patiently(lambda: http.post("/v1/auth/login", json=login))
    return Member(http, answer.json()["user"]["id"], answer.json()["access_token"])


async def _chats(people: Sequence[Member], progress: Progress) -> list[Chat]:
    pairs = [(0, other) for other in range(1, 9)] + [(one, one + 5) for one in range(4, 16)]
    task = progress.add_task("chats", total=len(GROUPS) + len(pairs))
    chats = []
    for number, (title, members) in enumerate(GROUPS):
        speakers = [people[index] for index in members]
        ids = [speaker.id for speaker in speakers[1:]]
        made = await speakers[0].post(
            "/v1/messaging/chats", kind="group", title=title, members=ids, ref=f"demo-group-{number}"
        )
        chats.append(Chat(made["id"], speakers, share=8))
        progress.advance(task)
    for one, other in pairs:
        made = await people[one].post("/v1/messaging/chats", kind="direct", members=[people[other].id])
        chats.append(Chat(made["id"], [people[one], people[other]], share=1))
        progress.advance(task)
    return chats


async def _messages(chats: Sequence[Chat], messages: int, progress: Progress) -> None:
    task = progress.add_task("messages", total=messages)
    shares = sum(chat.share for chat in chats)
    counts = [messages * chat.share // shares for chat in chats]
    counts[0] += messages - sum(counts)
    room = asyncio.Semaphore(TOGETHER)

    async def talk(number: int, chat: Chat, count: int) -> None:
        """One conversation, message after message, so that it reads in order."""
        chance = random.Random(f"kaif-demo-{number}")  # noqa: S311
        for place in range(count):
            text, speaker = _text(chance), chance.choice(chat.speakers)
            async with room:
                await speaker.post(f"/v1/messaging/chats/{chat.id}/messages", ref=f"demo-{place}", text=text)
            progress.advance(task)

    conversations = enumerate(zip(chats, counts, strict=True))
    await asyncio.gather(*[talk(number, chat, count) for number, (chat, count) in conversations])


def _text(chance: random.Random) -> str:
    """Two in three are Russian. A start that ends a sentence is followed by a capital letter."""
    parts = (_RU_START, _RU_MIDDLE, _RU_END) if chance.random() < 0.67 else (_EN_START, _EN_MIDDLE, _EN_END)
    start, middle, end = (chance.choice(part) for part in parts)
    if start.endswith("!"):
        middle = middle[0].upper() + middle[1:]
    mark = "?" if start in ("Подскажите,", "Does anyone know if") else "."
    return f"{start} {middle}{mark} {end}".strip()
