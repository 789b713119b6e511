"""Files by the client: uploaded, sent with a message, and seen by those in the chat alone."""

from pathlib import Path

import pytest
from tests.client.conftest import Connect, NewPerson
from tests.client.test_bots import direct_with, make_bot
from tests.client.test_client import take

from kaif.client import Client, Refused


async def test_a_bot_sends_a_file_with_its_words_and_the_other_one_has_its_bytes(
    new_person: NewPerson, connect: Connect, tmp_path: Path
) -> None:
    anna, stranger = await new_person(), await new_person()
    bot_id, key = await make_bot(anna)
    chat_id = await direct_with(anna, bot_id)
    report = tmp_path / "отчёт за март.txt"
    report.write_bytes("Всё хорошо.\n".encode() * 200_000)
    listener = await connect(anna)

    async with Client(anna.url, key=key) as bot:
        first, second = await bot.upload(report), await bot.upload(b"Left bank", "bank.txt")
        sent = await bot.send(chat_id, files=[first, second])
        after = await bot.send(chat_id, "Это всё", ref="all")
        again = await bot.send(chat_id, "Это всё", ref="all")

    assert [entry.seq for entry in await take(listener, 2)] == [sent.seq, after.seq] == [sent.seq, again.seq]
    named = [(one["name"], one["kind"], one["size"]) for one in sent.attachments]
    assert named == [("отчёт за март.txt", "file", report.stat().st_size), ("bank.txt", "file", 9)]
    assert await listener.download(first.media_id) == report.read_bytes()
    with pytest.raises(Refused, match="media_not_found"):
        await (await connect(stranger)).download(first.media_id)
