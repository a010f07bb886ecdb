"""What any view's writable bucket promises; a backend gives the fixtures `out` and `data`."""

from __future__ import annotations

import base64
import hashlib
import zlib
from datetime import timedelta

import pytest
import trio

from runner.model.entry import Attributes, Checksum, ChecksumAlgorithm, ChecksumType, Condition
from runner.store.refusals import BadChecksum, InvalidPart, NoSuchKey, NoSuchUpload, PartTooSmall, PreconditionFailed
from runner.store.view import CompletedPart
from tests.store.world import NO_ATTRIBUTES, Body, list_all, read_all

PART = b"p" * (5 << 20)
SMALL, LARGE = b"small", b"large" * 60_000


class ViewContract:
    """`data` holds a/1, a/2, b and is only read; `out` is empty and writable."""

    @pytest.mark.parametrize("data_", [b"", SMALL, LARGE], ids=["empty", "small", "large"])
    async def test_what_was_put_is_read_listed_and_headed(self, out, data_):
        attributes = Attributes({"content-type": "text/x"}, {"mtime": "1"})
        entry = await out.put(b"k/\xc3\xa9", Body(data_[:3], data_[3:]), attributes)
        assert (entry.size, entry.etag) == (len(data_), hashlib.md5(data_).hexdigest())
        assert await out.head(b"k/\xc3\xa9") == entry
        reader = await out.get(b"k/\xc3\xa9")
        assert reader.entry == entry
        assert entry.attributes == attributes
        assert await read_all(reader) == data_
        assert await read_all(reader, 1, min(4, len(data_))) == data_[1:4]
        assert [item.etag for item in (await out.list(b"", b"", b"")).items] == [entry.etag]

    async def test_a_reader_keeps_reading_what_it_looked_up(self, out):
        await out.put(b"k", Body(LARGE), NO_ATTRIBUTES)
        reader = await out.get(b"k")
        await out.put(b"k", Body(SMALL), NO_ATTRIBUTES)
        assert await read_all(reader) == LARGE
        assert await read_all(await out.get(b"k")) == SMALL

    async def test_a_body_that_raises_leaves_the_previous_object(self, out):
        await out.put(b"k", Body(SMALL), NO_ATTRIBUTES)

        class Broken(Body):
            async def __aiter__(self):
                yield LARGE
                raise BadChecksum("not what was announced")

        with pytest.raises(BadChecksum):
            await out.put(b"k", Broken(), NO_ATTRIBUTES)
        assert await read_all(await out.get(b"k")) == SMALL

    async def test_a_deleted_key_is_gone_and_may_be_deleted_again(self, out):
        await out.put(b"k", Body(SMALL), NO_ATTRIBUTES)
        await out.delete(b"k")
        await out.delete(b"k")
        with pytest.raises(NoSuchKey):
            await out.head(b"k")
        with pytest.raises(NoSuchKey):
            await out.get(b"k")
        assert await list_all(out) == []

    async def test_conditions_are_judged_by_what_is_there(self, out):
        only_new, star = Condition(if_none_match=("*",)), Condition(if_match=("*",))
        with pytest.raises(NoSuchKey):
            await out.put(b"k", Body(SMALL), NO_ATTRIBUTES, star)
        first = await out.put(b"k", Body(SMALL), NO_ATTRIBUTES, only_new)
        with pytest.raises(PreconditionFailed):
            await out.put(b"k", Body(LARGE), NO_ATTRIBUTES, only_new)
        with pytest.raises(PreconditionFailed):
            await out.put(b"k", Body(LARGE), NO_ATTRIBUTES, Condition(if_match=("0" * 32,)))
        with pytest.raises(PreconditionFailed):
            await out.put(b"k", Body(LARGE), NO_ATTRIBUTES, Condition(if_none_match=(first.etag,)))
        await out.put(b"k", Body(LARGE), NO_ATTRIBUTES, Condition(if_match=("0" * 32, first.etag)))
        await out.put(b"k", Body(LARGE), NO_ATTRIBUTES, star)

    async def test_only_the_object_that_is_meant_is_deleted(self, out):
        entry = await out.put(b"k", Body(SMALL), NO_ATTRIBUTES)
        whole_second = entry.modified.replace(microsecond=0)
        others = [
            Condition(if_match=("0" * 32,)),
            Condition(if_size=len(SMALL) + 1),
            Condition(if_modified=whole_second - timedelta(seconds=1)),
            Condition(if_match=("*",), if_modified=whole_second, if_size=0),
        ]
        for condition in others:
            with pytest.raises(PreconditionFailed):
                await out.delete(b"k", condition)
            await out.delete(b"missing", condition)
        await out.delete(b"k", Condition(if_match=(entry.etag,), if_modified=whole_second, if_size=len(SMALL)))
        assert await list_all(out) == []

    async def test_of_many_that_replace_what_they_read_one_wins(self, out):
        entry = await out.put(b"k", Body(SMALL), NO_ATTRIBUTES)
        won = []

        async def replace(number: int) -> None:
            try:
                await out.put(b"k", Body(b"%d" % number), NO_ATTRIBUTES, Condition(if_match=(entry.etag,)))
            except PreconditionFailed:
                return
            won.append(number)

        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(replace, number)
        assert len(won) == 1
        with pytest.raises(PreconditionFailed):
            await out.delete(b"k", Condition(if_match=(entry.etag,)))

    async def test_of_many_that_create_one_key_one_wins(self, out):
        won = []

        async def create(number: int) -> None:
            try:
                await out.put(b"k", Body(b"%d" % number), NO_ATTRIBUTES, Condition(if_none_match=("*",)))
            except PreconditionFailed:
                return
            won.append(number)

        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(create, number)
        assert len(won) == 1
        assert await read_all(await out.get(b"k")) == b"%d" % won[0]

    async def test_a_checksum_that_was_verified_is_kept(self, out):
        checksum = Checksum(ChecksumAlgorithm.SHA256, base64.b64encode(hashlib.sha256(SMALL).digest()).decode())
        await out.put(b"k", Body(SMALL, checksum=checksum), NO_ATTRIBUTES)
        assert (await out.head(b"k")).checksum == checksum

    async def test_a_copy_shares_bytes_and_takes_its_own_attributes(self, out, data):
        attributes = Attributes({}, {"new": "1"})
        for name, source in ((b"x", await data.get(b"a/1")), (b"y", await data.get(b"b"))):
            entry = await out.copy(name, source, attributes)
            assert (entry.etag, entry.attributes) == (source.entry.etag, attributes)
            assert await read_all(await out.get(name)) == await read_all(source)
        with pytest.raises(PreconditionFailed):
            await out.copy(b"x", source, attributes, Condition(if_none_match=("*",)))

    async def test_listing_rolls_up_and_pages(self, out):
        for key in (b"a/1", b"a/2", b"a/b/3", b"c", b"d/4"):
            await out.put(key, Body(), NO_ATTRIBUTES)
        assert await list_all(out, delimiter=b"/", limit=1) == [b"a/", b"c", b"d/"]
        assert await list_all(out, prefix=b"a/", delimiter=b"/", limit=2) == [b"a/1", b"a/2", b"a/b/"]
        assert await list_all(out, prefix=b"a/", limit=2) == [b"a/1", b"a/2", b"a/b/3"]

    async def test_parts_become_one_object(self, out):
        upload = await out.create_upload(b"k", Attributes({"content-type": "x"}))
        one = await out.put_part(upload, 1, Body(b"replaced"))
        one = await out.put_part(upload, 1, Body(PART))
        two = await out.put_part(upload, 7, Body(SMALL))
        assert await out.list_parts(upload, 0, 1) == ([one], True)
        assert await out.list_parts(upload, 1, 5) == ([two], False)
        listed = [CompletedPart(1, one.etag), CompletedPart(7, two.etag)]
        entry = await out.complete_upload(upload, listed)
        md5 = hashlib.md5(bytes.fromhex(one.etag) + bytes.fromhex(two.etag)).hexdigest()
        assert (entry.etag, entry.size) == (f"{md5}-2", len(PART) + len(SMALL))
        assert [(part.number, part.size) for part in entry.parts] == [(1, len(PART)), (7, len(SMALL))]
        found = await out.get(b"k")
        assert (found.entry, found.entry.parts) == (entry, entry.parts)
        assert await read_all(found, len(PART) - 2, len(PART) + 3) == b"ppsma"

    async def test_completing_again_gives_the_same_answer(self, out):
        upload = await out.create_upload(b"k", NO_ATTRIBUTES)
        part = await out.put_part(upload, 1, Body(SMALL))
        entry = await out.complete_upload(upload, [CompletedPart(1, part.etag)])
        await out.put(b"k", Body(LARGE), NO_ATTRIBUTES)
        again = await out.complete_upload(await out.get_upload(b"k", upload.id), [CompletedPart(1, part.etag)])
        assert again == entry
        assert await read_all(await out.get(b"k")) == LARGE
        for late in (out.put_part(upload, 2, Body(SMALL)), out.list_parts(upload, 0, 1), out.abort_upload(upload)):
            with pytest.raises(NoSuchUpload):
                await late

    async def test_a_list_that_does_not_fit_is_refused(self, out):
        upload = await out.create_upload(b"k", NO_ATTRIBUTES)
        one = await out.put_part(upload, 1, Body(SMALL))
        two = await out.put_part(upload, 2, Body(SMALL))
        with pytest.raises(InvalidPart):
            await out.complete_upload(upload, [CompletedPart(1, "0" * 32)])
        with pytest.raises(InvalidPart):
            await out.complete_upload(upload, [CompletedPart(3, one.etag)])
        with pytest.raises(PartTooSmall):
            await out.complete_upload(upload, [CompletedPart(1, one.etag), CompletedPart(2, two.etag)])
        with pytest.raises(NoSuchKey):
            await out.complete_upload(upload, [CompletedPart(2, two.etag)], Condition(if_match=("*",)))
        await out.complete_upload(upload, [CompletedPart(2, two.etag)])

    async def test_an_aborted_upload_is_gone(self, out):
        upload = await out.create_upload(b"k", NO_ATTRIBUTES)
        part = await out.put_part(upload, 1, Body(SMALL))
        assert (await out.get_upload(b"k", upload.id)) == upload
        await out.abort_upload(upload)
        with pytest.raises(NoSuchUpload):
            await out.get_upload(b"k", upload.id)
        with pytest.raises(NoSuchUpload):
            await out.complete_upload(upload, [CompletedPart(1, part.etag)])
        with pytest.raises(NoSuchKey):
            await out.head(b"k")

    @pytest.mark.parametrize("upload_id", ["", "x", "../../etc", "0" * 5000, "\x00", "ä"])
    async def test_no_other_id_finds_an_upload(self, out, upload_id):
        upload = await out.create_upload(b"k", NO_ATTRIBUTES)
        for key, each in ((b"k", upload_id), (b"other", upload.id)):
            with pytest.raises(NoSuchUpload):
                await out.get_upload(key, each)

    async def test_uploads_are_listed_by_key_and_id(self, out):
        made = [await out.create_upload(key, NO_ATTRIBUTES) for key in (b"b", b"a/1", b"b", b"c")]
        order = sorted(made, key=lambda upload: (upload.key, upload.id))
        assert await out.list_uploads(b"", b"", "", 10) == (order, False)
        assert await out.list_uploads(b"", b"b", order[1].id, 1) == ([order[2]], True)
        assert await out.list_uploads(b"", b"b", "", 10) == ([order[3]], False)
        assert await out.list_uploads(b"a/", b"", "", 10) == ([order[0]], False)

    @pytest.mark.parametrize("kind", ChecksumType)
    async def test_the_whole_gets_a_checksum_from_its_parts(self, out, data, kind):
        upload = await out.create_upload(b"k", NO_ATTRIBUTES, ChecksumAlgorithm.CRC32, kind)
        crc = zlib.crc32(PART).to_bytes(4, "big")
        body = Body(PART, checksum=Checksum(ChecksumAlgorithm.CRC32, base64.b64encode(crc).decode()))
        one = await out.put_part(upload, 1, body)
        source = await data.get(b"b")
        two = await out.copy_part(upload, 2, source, 1, 3)
        tail = (await read_all(source))[1:3]
        if kind == ChecksumType.COMPOSITE:
            both = zlib.crc32(crc + zlib.crc32(tail).to_bytes(4, "big"))
            value = base64.b64encode(both.to_bytes(4, "big")).decode() + "-2"
        else:
            value = base64.b64encode(zlib.crc32(PART + tail).to_bytes(4, "big")).decode()
        listed = [CompletedPart(1, one.etag, one.checksum), CompletedPart(2, two.etag, two.checksum)]
        wrong = Checksum(ChecksumAlgorithm.CRC32, "AAAAAA==", kind)
        with pytest.raises(BadChecksum):
            await out.complete_upload(upload, listed, checksum=wrong)
        entry = await out.complete_upload(upload, listed, checksum=Checksum(ChecksumAlgorithm.CRC32, value, kind))
        assert entry.checksum == Checksum(ChecksumAlgorithm.CRC32, value, kind)
        assert await read_all(await out.get(b"k"), len(PART)) == tail
