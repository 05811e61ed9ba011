"""Posts are read one at a time, and what is no post is told."""

import hashlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tests.support.learning import lines, planted_posts, write_file
from trainer.corpus import SUFFIXES, CorpusReader, LabelledPost, digests, split
from trainer.errors import CorpusError, TooManyBadLinesError

GOOD = b'{"text": "off to the sea"}\n'


def read_one(tmp_path: Path, **fields: Any) -> LabelledPost:  # noqa: ANN401 - any JSON
    reader = CorpusReader(write_file(tmp_path / "train.jsonl", lines([fields])))
    [post] = reader
    assert not reader.bad_lines
    return post


def reader_of(tmp_path: Path, content: bytes) -> CorpusReader:
    return CorpusReader(write_file(tmp_path / "train.jsonl", content))


def test_each_form_of_compression_gives_equal_posts(tmp_path: Path) -> None:
    content = lines(planted_posts(3_000, seed=1))
    found = [
        list(CorpusReader(write_file(tmp_path / f"train{suffix}", content))) for suffix in SUFFIXES
    ]
    assert len(found[0]) == 3_000
    assert found[0] == found[1] == found[2]


def test_a_last_line_without_an_end_counts(tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        path = write_file(tmp_path / f"train{suffix}", GOOD + GOOD.rstrip())
        assert len(list(CorpusReader(path))) == 2


def test_frames_set_end_to_end_are_one_file(tmp_path: Path) -> None:
    content = lines(planted_posts(2_000, seed=1))
    middle = len(content) // 2
    path = tmp_path / "train.jsonl.zst"
    path.write_bytes(zstandard.compress(content[:middle]) + zstandard.compress(content[middle:]))
    assert len(list(CorpusReader(path))) == 2_000


def test_bad_lines_are_counted_with_their_numbers(tmp_path: Path) -> None:
    bad = [b"no json", b"[]", b'{"id": "1"}', b'{"text": 5}', b'{"text": "\xff"}', b"[" * 9_999]
    reader = reader_of(tmp_path, GOOD + b"\n" + b"\n".join(bad) + b"\n" + GOOD)
    assert [post.id for post in reader] == ["1", "9"]
    assert [number for number, _ in reader.bad_lines] == [3, 4, 5, 6, 7, 8]
    assert f"{reader.path}: 6 bad lines (line 3: " in reader.complaint()


@pytest.mark.parametrize(("bad", "good"), [(10, 0), (10, 5), (11, 1_089), (20, 1_980)])
def test_one_bad_line_in_a_hundred_is_bearable_and_ten_are_in_any_file(
    tmp_path: Path, bad: int, good: int
) -> None:
    reader = reader_of(tmp_path, GOOD * good + b"bad\n" * bad)
    assert len(list(reader)) == good
    assert len(reader.bad_lines) == bad


@pytest.mark.parametrize(("bad", "good"), [(11, 0), (11, 5), (12, 1_088), (21, 1_979)])
def test_more_are_too_many(tmp_path: Path, bad: int, good: int) -> None:
    with pytest.raises(TooManyBadLinesError, match=rf"{bad} bad lines \(line {good + 1}: "):
        list(reader_of(tmp_path, GOOD * good + b"bad\n" * bad))


def test_a_file_of_something_else_is_given_up_early(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, b"bad\n" * 1_000)
    with pytest.raises(TooManyBadLinesError):
        list(reader)
    assert len(reader.bad_lines) == 11


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst"])
@pytest.mark.parametrize("lost", [1, 5, 4_000])
def test_a_truncated_file_is_an_error_after_its_posts(
    tmp_path: Path, suffix: str, lost: int
) -> None:
    path = write_file(tmp_path / f"train{suffix}", lines(planted_posts(3_000, seed=1)))
    path.write_bytes(path.read_bytes()[:-lost])
    assert [post.id for post in islice(CorpusReader(path), 3)] == ["1-0", "1-1", "1-2"]
    with pytest.raises(CorpusError, match=r"after line \d+: Compressed file ended"):
        list(CorpusReader(path))


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst"])
def test_a_damaged_file_is_an_error(tmp_path: Path, suffix: str) -> None:
    path = write_file(tmp_path / f"train{suffix}", lines(planted_posts(3_000, seed=1)))
    data = bytearray(path.read_bytes())
    data[12:40] = b"\xff" * 28  # past the header, so no first line can be read
    path.write_bytes(data)
    with pytest.raises(CorpusError, match=f"{path}, after line 0: .*decompress"):
        list(CorpusReader(path))


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst"])
def test_a_file_that_is_not_what_its_name_says_is_an_error(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"train{suffix}"
    path.write_bytes(GOOD)
    with pytest.raises(CorpusError, match="after line 0"):
        list(CorpusReader(path))


def test_a_missing_split_is_told_with_the_names_it_may_have(tmp_path: Path) -> None:
    with pytest.raises(CorpusError) as caught:
        split(tmp_path, "dev")
    assert f"{tmp_path} has no dev" in str(caught.value)
    assert all(suffix in str(caught.value) for suffix in SUFFIXES)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_split_is_found_in_each_form(tmp_path: Path, suffix: str) -> None:
    path = write_file(tmp_path / f"dev{suffix}", GOOD)
    assert split(tmp_path, "dev").path == path


def test_tags_are_final(tmp_path: Path) -> None:
    post = read_one(tmp_path, text="at sea #Travel #sun", hashtags=["sand"], tags=["travel", "ÖL"])
    assert post.spellings == {"travel": "Travel", "öl": "öl"}


def test_empty_tags_mean_no_answer(tmp_path: Path) -> None:
    assert read_one(tmp_path, text="at sea #travel", tags=[]).hashtags == []


def test_without_tags_the_field_and_the_text_are_joined(tmp_path: Path) -> None:
    post = read_one(tmp_path, text="#SEA and #Sun", hashtags=["sea", "Sand", ""])
    assert post.spellings == {"sea": "SEA", "sun": "Sun", "sand": "Sand"}


def test_spellings_of_one_hashtag_are_one_answer(tmp_path: Path) -> None:
    # Composed or not, in whatever case: casefolding makes ß and SS one.
    assert read_one(tmp_path, text="#Cafe\u0301 #CAF\u00c9").hashtags == ["caf\u00e9"]
    assert read_one(tmp_path, text="#Stra\u00dfe #STRASSE").hashtags == ["strasse"]
    assert read_one(tmp_path, text="x", tags=["#A", "a", "＃A"]).hashtags == ["a"]


def test_the_first_spelling_of_an_author_is_kept(tmp_path: Path) -> None:
    assert read_one(tmp_path, text="#eMoji #EMOJI").spellings == {"emoji": "eMoji"}


def test_a_field_may_write_the_sign_and_white_space(tmp_path: Path) -> None:
    post = read_one(tmp_path, text="x", hashtags=[" #New\tYork\n", "＃Sea", "\u2028", "#"])
    assert post.spellings == {"new york": "New York", "sea": "Sea"}
    assert read_one(tmp_path, text="x", tags=["#a\tb", " "]).spellings == {"a b": "a b"}


def test_ids_may_be_numbers_or_missing(tmp_path: Path) -> None:
    content = lines([{"id": 7, "text": "a"}, {"id": "x", "text": "b"}, {"text": "c"}])
    assert [post.id for post in reader_of(tmp_path, content)] == ["7", "x", "3"]


def test_what_else_is_known_of_a_post_is_kept(tmp_path: Path) -> None:
    post = read_one(tmp_path, text="a", created_at="2026-01-31T12:00:00Z", author="me", other=1)
    assert post == LabelledPost("1", "a", {}, "2026-01-31T12:00:00Z", "me")


def test_each_iteration_is_lazy_and_starts_anew(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, b"bad\n" + lines(planted_posts(5, seed=1)))
    first, second = iter(reader), iter(reader)
    assert isinstance(first, Iterator)
    assert reader.bad_lines == []
    assert [next(first).id for _ in range(3)] == ["1-0", "1-1", "1-2"]
    assert len(reader.bad_lines) == 1
    assert [post.id for post in second] == [f"1-{number}" for number in range(5)]
    assert [post.id for post in first] == ["1-3", "1-4"]
    assert len(list(reader)) == 5
    assert len(reader.bad_lines) == 1


@pytest.mark.parametrize("spelling", ["valid", "validation"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_dev_may_be_called_otherwise(tmp_path: Path, spelling: str, suffix: str) -> None:
    path = write_file(tmp_path / f"{spelling}{suffix}", GOOD)
    assert split(tmp_path, "dev").path == path


def test_dev_goes_before_its_other_names(tmp_path: Path) -> None:
    write_file(tmp_path / "valid.jsonl", GOOD)
    path = write_file(tmp_path / "dev.jsonl.zst", GOOD)
    assert split(tmp_path, "dev").path == path


def test_no_other_split_has_another_name(tmp_path: Path) -> None:
    write_file(tmp_path / "valid.jsonl", GOOD)
    with pytest.raises(CorpusError, match="has no test"):
        split(tmp_path, "test")


def test_files_are_known_by_the_sha_256_of_their_bytes(tmp_path: Path) -> None:
    for name in ("train", "valid"):
        write_file(tmp_path / f"{name}.jsonl", GOOD * len(name))
    found = digests(tmp_path, ("train", "dev"))
    assert found == {
        "train": hashlib.sha256(GOOD * 5).hexdigest(),
        "dev": hashlib.sha256(GOOD * 5).hexdigest(),
    }
    write_file(tmp_path / "train.jsonl", GOOD)
    assert digests(tmp_path, ("train",)) == {"train": hashlib.sha256(GOOD).hexdigest()}
