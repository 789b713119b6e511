"""What takes a person's room: their own files, the largest first."""

from tests.services.media.home import ANNA, BORIS, Home

from kaif.interfaces.media import ListLargest, OfMedia


async def test_the_largest_come_first_by_pages_and_those_of_others_not_at_all(home: Home) -> None:
    files = [await home.put(bytes([number]) * size, name=f"{number}") for number, size in enumerate((10, 30, 20, 20))]
    await home.put(b"his" * 100, actor=BORIS)

    pages = list[list[str]]()
    cursor: str | None = ""
    while cursor is not None:
        page = await home.library.list_largest(ANNA, ListLargest(2, cursor))
        pages.append([file.name for file in page.files])
        cursor = page.next_cursor

    assert pages == [["1", "3"], ["2", "0"]]
    await home.library.delete_media(ANNA, OfMedia(files[1].id))
    (largest,) = (await home.library.list_largest(ANNA, ListLargest(1))).files
    assert largest.name == "3"
