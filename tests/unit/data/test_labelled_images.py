"""What is known of the pictures in folders, CSVs, zips, arrays and uploads; what is refused."""

import csv
import io
import os
import tracemalloc
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imgrec.data import cifar10, label_names, labelled_images, labels
from imgrec.data.label_names import Label, cifar10_label, imagenet_label
from imgrec.data.labelled_images import Item, LabelledSet
from imgrec.errors import DataError, ImageError
from imgrec.files import zips
from imgrec.images import decode

DOG, NOT_DOG = Label(dog=True), Label(dog=False)
CHIHUAHUA, TENCH, ROBIN = imagenet_label(151), imagenet_label(0), imagenet_label(15)


@cache
def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (3, 2), "red").save(buffer, "PNG")
    return buffer.getvalue()


def folder_of(folder: Path, *names: str) -> Path:
    """A folder with a file of each name, whose content tells its name."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def zip_of(file: Path, *names: str, packing: int = zipfile.ZIP_DEFLATED) -> Path:
    """The same as a zip."""
    with zipfile.ZipFile(file, "w", packing) as archive:
        for name in names:
            archive.writestr(name, name.encode())
    return file


def found(names: list[str], scheme: label_names.Scheme | None = None) -> dict[str, Label]:
    """What the names of uploads say, by name."""
    return known(labelled_images.open_uploads([(name, "/nowhere") for name in names], scheme))


def known(labelled_set: LabelledSet) -> dict[str, Label]:
    """The label of each item by its name; an item of which nothing is known has an empty one."""
    items = list(labelled_set.items())
    assert len(items) == labelled_set.count
    return {item.name: item.label for item in items}


def refusal(make, *arguments) -> str:
    with pytest.raises(DataError) as caught:
        make(*arguments)
    message = str(caught.value)
    assert "\n" not in message and "/tmp" not in message and message.endswith(".")
    return message


def reading(item: Item) -> str:
    """Why it cannot be read."""
    with pytest.raises(ImageError) as caught:
        decode.open_image(item.read(), item.name)
    return str(caught.value)


# Labels


def test_a_class_tells_all_that_follows_from_it():
    assert cifar10_label(3) == Label(dog=False, cifar10=3)
    assert cifar10_label(5) == Label(dog=True, cifar10=5)
    assert Label(dog=True, cifar10=5, imagenet=151) == CHIHUAHUA
    assert Label(dog=False, imagenet=0) == TENCH
    assert Label(dog=False, cifar10=2, imagenet=15) == ROBIN
    dogs = [index for index in range(1000) if imagenet_label(index).dog]
    assert dogs == list(range(151, 269))


# CIFAR-10's classes in folders


def test_folders_of_cifar10s_classes(tmp_path):
    folder = folder_of(tmp_path, "Cat/b c.JPG", "Cat/a.png", "AIRPLANES/x/ü.webp", "dog/1")
    assert known(labelled_images.open_folder(folder, "cifar10")) == {
        "AIRPLANES/x/ü.webp": cifar10_label(0),
        "Cat/a.png": cifar10_label(3),
        "Cat/b c.JPG": cifar10_label(3),
        "dog/1": cifar10_label(5),
    }


def test_each_of_the_ten_is_known_by_name():
    names = [f"{name}/1.png" for name in labels.CIFAR10]
    assert list(found(names, "cifar10").values()) == [cifar10_label(index) for index in range(10)]


def test_one_class_is_enough_and_may_lie_in_a_folder():
    assert found(["horse/1.png"], "cifar10") == {"horse/1.png": cifar10_label(7)}
    assert found(["cat/a/1.png", "cat/b/2.png"], "cifar10")["cat/a/1.png"] == cifar10_label(3)
    assert found(["my/test/ship/1.png", "my/test/cat/1.png"], "cifar10") == {
        "my/test/cat/1.png": cifar10_label(3),
        "my/test/ship/1.png": cifar10_label(8),
    }


@pytest.mark.parametrize(
    "names", [["cat/1.png", "unicorn/1.png"], ["unicorn/1.png"], ["unicorn/a/1", "unicorn/b/1"]]
)
def test_another_folder_is_refused_by_name(names):
    message = refusal(found, names, "cifar10")
    assert "unicorn" in message or "folder a" in message
    assert all(name in message for name in labels.CIFAR10)


def test_what_lies_beside_the_classes_does_not_matter():
    names = ["cat/1.png", "README.md", "cat/.hidden.png", ".git/1.png", "notes/a.txt"]
    names += ["__MACOSX/cat/1.png", "cat/Thumbs.db", "cat/desktop.ini"]
    assert found(names, "cifar10") == {"cat/1.png": cifar10_label(3)}


def test_a_picture_outside_the_folders_is_told_when_it_is_read():
    items = labelled_images.open_uploads(
        [("cat/1.png", "x"), ("loose.png", "x")], "cifar10"
    ).items()
    loose = list(items)[1]
    assert (loose.name, loose.label) == ("loose.png", Label())
    assert reading(loose).startswith("Nothing says what is in loose.png;")


# WordNet ids


def test_photos_named_by_wordnet_id():
    expected = {
        "ILSVRC2012_val_00000293_n01558993.JPEG": ROBIN,
        "N01440764.png": TENCH,
        "a n02085620 b": CHIHUAHUA,
        "n02085620-x.JPEG": CHIHUAHUA,
        "n02085620_Chihuahua.jpg": CHIHUAHUA,
    }
    assert found(list(expected), "imagenet") == expected


def test_folders_named_by_wordnet_id(tmp_path):
    folder = folder_of(
        tmp_path, "val/n02085620/1.jpg", "val/n01440764-tench/deep/2.png", "val/n01558993_robin/é.x"
    )
    assert known(labelled_images.open_folder(folder, "imagenet")) == {
        "val/n01440764-tench/deep/2.png": TENCH,
        "val/n01558993_robin/é.x": ROBIN,
        "val/n02085620/1.jpg": CHIHUAHUA,
    }


def test_all_of_imagenets_ids_in_the_order_of_the_classes():
    names = [f"{synset.wnid}_{synset.name}.jpg" for synset in labels.imagenet()]
    assert [label.imagenet for label in found(names, "imagenet").values()] == list(range(1000))


@pytest.mark.parametrize("name", ["holiday.jpg", "n99999999_x.jpg", "n020856201.jpg", "xn02085620"])
def test_a_photo_without_an_id_is_told_when_it_is_read(name):
    assert found([name, "n02085620.jpg"], "imagenet")[name] == Label()
    assert "n02085620_Chihuahua.jpg" in refusal(found, [name], "imagenet")


# Dogs and others


@pytest.mark.parametrize("other", ["sky", "not_dog", "hot dogs", "2"])
@pytest.mark.parametrize("dog", ["dog", "Dogs"])
@pytest.mark.parametrize("outer", ["", "dogs/set 1/"])
@pytest.mark.parametrize("scheme", ["dogs", None])
def test_the_only_folder_beside_dog_is_not_a_dog(other, dog, outer, scheme):
    names = [f"{outer}{dog}/1.jpg", f"{outer}{dog}/x/2.jpg", f"{outer}{other}/1.jpg"]
    assert found(names, scheme) == dict(zip(names, [DOG, DOG, NOT_DOG], strict=True))


def test_a_wordnet_id_beside_the_two_folders_tells_more():
    names = ["dog/n02085620_1.jpg", "dog/2.jpg", "other/n01440764.jpg", "other/n02085620_3.jpg"]
    assert found(names, "dogs") == {
        "dog/n02085620_1.jpg": CHIHUAHUA,
        "dog/2.jpg": DOG,
        "other/n01440764.jpg": TENCH,
        "other/n02085620_3.jpg": NOT_DOG,  # somebody looked and put it there
    }


def test_folders_whose_names_speak_for_themselves_need_no_guess():
    names = ["cat/1.jpg", "dog/1.jpg"]
    assert list(found(names, "dogs").values()) == [cifar10_label(3), cifar10_label(5)]
    names = ["dog/1.jpg", "n02085620-Chihuahua/1.jpg"]
    assert list(found(names, "dogs").values()) == [cifar10_label(5), CHIHUAHUA]


def test_notes_beside_the_two_folders_do_not_count():
    names = ["dog/1.jpg", "sky/1.jpg", "notes/a.txt", "b.json"]
    assert found(names, "dogs") == {"dog/1.jpg": DOG, "sky/1.jpg": NOT_DOG}


def test_dogs_by_wordnet_id():
    names = ["n02085620_a.jpg", "n01440764_b.jpg", "sub/n01558993/c.jpg"]
    assert list(found(names, "dogs").values()) == [TENCH, CHIHUAHUA, ROBIN]


def test_several_folders_beside_dog_must_say_what_they_are():
    message = refusal(found, ["dog/1.jpg", "sky/1.jpg", "sea/1.jpg", "cat/1.jpg"], "dogs")
    assert "sea, sky." in message and "cat" not in message
    names = ["dog/1.jpg", "a/n02085620.jpg", "b/cat/2.jpg"]
    assert list(found(names, "dogs").values()) == [CHIHUAHUA, cifar10_label(3), cifar10_label(5)]
    names = ["dog/1.jpg", "cat/1.jpg", "others/1.jpg", "n01440764/1.jpg"]
    labels_found = [cifar10_label(3), cifar10_label(5), TENCH, NOT_DOG]
    assert list(found(names, "dogs").values()) == labels_found


@pytest.mark.parametrize("names", [["sky/1.jpg", "sea/1.jpg"], ["1.jpg"], ["hot dog/1.jpg"]])
def test_without_a_word_of_dogs_there_is_advice(names):
    assert "one of them named dog" in refusal(found, names, "dogs")


# Finding out


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("dog/1.jpg", cifar10_label(5)),
        ("deer/1.jpg", cifar10_label(4)),
        ("Cars/1.jpg", cifar10_label(1)),
        (" Frogs_/1.jpg", cifar10_label(6)),
        ("n01440764/n02085620_x.jpg", CHIHUAHUA),
        ("no dog/1.jpg", NOT_DOG),
        ("Not-Dogs/1.jpg", NOT_DOG),
        ("others/1.jpg", NOT_DOG),
        ("n02085620/1.jpg", CHIHUAHUA),
        ("n02085620.jpg", CHIHUAHUA),
        ("cat/2/1.jpg", cifar10_label(3)),
        ("animals/dogs/no_dog/1.jpg", NOT_DOG),
        ("not_dog/frog/1.jpg", cifar10_label(6)),
        ("other/n01440764_tench.jpg", TENCH),
        ("deer/n02422699_impala.jpg", Label(dog=False, cifar10=4, imagenet=352)),
        ("cat/n02123045_tabby.jpg", imagenet_label(281)),
        ("ship/n02123045_tabby.jpg", cifar10_label(8)),
        ("dog.jpg", Label()),
        ("holiday/1.jpg", Label()),
    ],
)
def test_names_say_what_is_in_a_picture(name, label):
    assert found([name, "horse/1.jpg", "truck/1.jpg"])[name] == label


@pytest.mark.parametrize("top", ["Pictures", "dogs", "cat"])
def test_a_folder_around_everything_says_nothing(top):
    assert "dog and not_dog" in refusal(found, [f"{top}/a/1.jpg", f"{top}/b/2.jpg", "x.txt"])


def test_the_only_folder_says_what_is_in_it():
    assert found(["photos/cat/1.jpg", "photos/cat/2.jpg"])["photos/cat/1.jpg"] == cifar10_label(3)


@pytest.mark.parametrize("names", [[], ["README.txt"], [".hidden.png"], ["__MACOSX/dog/1.png"]])
@pytest.mark.parametrize("scheme", ["cifar10", "imagenet", "dogs", None])
def test_without_pictures_there_is_advice(names, scheme):
    assert "There are no pictures in the folder" in refusal(found, names, scheme)
    assert label_names.HOW_TO_LABEL[scheme] in refusal(found, names, scheme)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.text(st.sampled_from("dogcat/\\._- \n\0ü1n"), max_size=12), max_size=8),
    st.sampled_from(["cifar10", "imagenet", "dogs", None]),
)
def test_any_names_are_a_set_or_refused(names, scheme):
    try:
        items = labelled_images.open_uploads([(name, "/nowhere") for name in names], scheme).items
    except DataError:
        return
    assert all(item.name.isprintable() for item in items())
    assert [item.label for item in items()] == [item.label for item in items()]


# The same from a folder, a zip and uploads

NAMES = [
    "s/dog/1.png",
    "s/dog/a b/ü.JPG",
    "s/dog.png",
    "s/not_dog/n01440764.jpg",
    "s/dog/notes.txt",
]


@pytest.mark.parametrize("make", ["folder", "zip", "uploads"])
def test_names_labels_bytes_and_order_do_not_depend_on_the_form(make, tmp_path):
    folder = folder_of(tmp_path / "set", *NAMES, "s/.DS_Store", "s/README.md")
    if make == "folder":
        result = labelled_images.open_set(folder)
    elif make == "zip":
        result = labelled_images.open_set(
            zip_of(tmp_path / "Set.ZIP", *reversed(NAMES), "s/README.md")
        )
    else:
        result = labelled_images.open_uploads(
            [(name, folder / name) for name in NAMES[2:] + NAMES[:2]]
        )
    assert list(known(result).items()) == [
        ("s/dog/1.png", DOG),
        ("s/dog/a b/ü.JPG", DOG),
        ("s/dog/notes.txt", DOG),
        ("s/dog.png", Label()),
        ("s/not_dog/n01440764.jpg", TENCH),
    ]
    readable = [item for item in result.items() if item.label != Label()]
    assert [item.read() for item in readable] == [item.name.encode() for item in readable]


# Folders


def test_names_are_fit_to_be_shown(tmp_path):
    names = [b"dog/two\nlines.png", b"dog/\xff.png", b"dog/narrow\xe2\x80\xaf.png"]
    (tmp_path / "dog").mkdir()
    for name in names:
        (tmp_path / os.fsdecode(name)).write_bytes(picture())
    result = labelled_images.open_folder(tmp_path, "dogs")
    shown = {"dog/two?lines.png", "dog/?.png", "dog/narrow\u202f.png"}
    assert set(known(result)) == shown
    assert all(item.read() == picture() for item in result.items())


def test_what_cannot_be_read_is_told_by_its_name_in_the_set(tmp_path):
    folder_of(tmp_path, "dog/text.jpg", "dog/ok.png")
    (tmp_path / "dog/empty.png").touch()
    (tmp_path / "dog/gone.png").symlink_to(tmp_path / "absent")
    os.mkfifo(tmp_path / "dog/pipe.png")
    (tmp_path / "dog/ok.png").write_bytes(picture())
    reasons = {
        item.name: reading(item)
        for item in labelled_images.open_folder(tmp_path, "dogs").items()
        if item.name != "dog/ok.png"
    }
    assert reasons.keys() == {f"dog/{name}.png" for name in ("empty", "gone", "pipe")} | {
        "dog/text.jpg"
    }
    assert all(reason.startswith(name) for name, reason in reasons.items())


def test_links_are_followed_but_not_in_circles(tmp_path):
    folder_of(tmp_path, "set/dog/1.png", "elsewhere/2.png")
    (tmp_path / "set/other").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set/dog/again").symlink_to(tmp_path / "set")
    assert known(labelled_images.open_folder(tmp_path / "set", "dogs")) == {
        "dog/1.png": DOG,
        "other/2.png": NOT_DOG,
    }


def test_a_folder_that_cannot_be_listed_is_refused_by_name(tmp_path, monkeypatch):
    folder_of(tmp_path, "dog/1.png", "other/2.png")
    scandir = os.scandir

    def guarded(path):
        if Path(path).name == "other":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    message = refusal(labelled_images.open_folder, tmp_path, "dogs")
    assert message == "The folder other cannot be read (Permission denied)."


def test_going_through_a_folder_lists_one_sub_folder_at_a_time(tmp_path, monkeypatch):
    folder_of(tmp_path, *[f"n0208562{i}/{number}.jpg" for i in range(9) for number in range(9)])
    result = labelled_images.open_folder(tmp_path, "imagenet")
    listed, scandir = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path.name) or scandir(path))
    items = result.items()
    for number in range(9):
        assert next(items).name == f"n02085620/{number}.jpg"
    assert listed == [tmp_path.name, "n02085620"]
    assert len(list(items)) == result.count - 9 == 72


# Zips


def test_a_zip_is_only_ever_read(tmp_path, monkeypatch):
    names = ["../../dog/1.png", "/etc/dog/2.png", "C:\\dog\\3.png", "dog/4.png", "not_dog/5.png"]
    monkeypatch.chdir(tmp_path)
    result = labelled_images.open_zip(zip_of(tmp_path / "x.zip", *names))
    shown = ["C:/dog/3.png", "dog/4.png", "etc/dog/2.png", "not_dog/5.png"]
    assert list(known(result)) == shown  # what begins with a dot is hidden
    assert next(item.read().decode() for item in result.items()) == "C:\\dog\\3.png"
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]


def test_a_zip_can_be_read_while_its_file_is_gone(tmp_path):
    file = zip_of(tmp_path / "x.zip", "dog/1.png")
    result = labelled_images.open_zip(file)
    file.unlink()
    assert [item.read() for item in result.items()] == [b"dog/1.png"]


def test_a_large_member_is_read_as_far_as_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(decode, "MAX_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("dog/bomb.png", bytes(10_000_000))
    (item,) = labelled_images.open_zip(tmp_path / "x.zip").items()
    tracemalloc.start()
    assert len(item.read()) == 1001
    assert tracemalloc.get_traced_memory()[1] < 500_000
    tracemalloc.stop()
    assert "the limit is" in reading(item)


def test_a_member_whose_header_lies_about_its_size_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("dog/1.png", bytes(100_000))
    content = (tmp_path / "x.zip").read_bytes()
    (tmp_path / "x.zip").write_bytes(
        content.replace((100_000).to_bytes(4, "little"), (9).to_bytes(4, "little"))
    )
    (item,) = labelled_images.open_zip(tmp_path / "x.zip").items()
    assert reading(item).startswith("dog/1.png is damaged in the archive")


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_ways_of_packing_that_unpack_without_a_bound_are_refused(packing, tmp_path):
    (item,) = labelled_images.open_zip(
        zip_of(tmp_path / "x.zip", "dog/1.png", packing=packing)
    ).items()
    assert "packed in an unusual way" in reading(item)


def test_a_zip_within_a_zip_is_not_opened(tmp_path):
    inner = zip_of(tmp_path / "inner.zip", "dog/1.png")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.write(inner, "inner.zip")
        archive.write(inner, "dog/inner.zip")
    (item,) = labelled_images.open_zip(tmp_path / "x.zip").items()
    assert "ZIP archive" in reading(item)


def test_a_zip_with_a_password_is_refused(tmp_path):
    file = zip_of(tmp_path / "x.zip", "dog/1.png")
    content = bytearray(file.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    file.write_bytes(content)
    assert "protected with a password" in refusal(labelled_images.open_zip, file)


def test_too_many_files_in_a_zip_are_refused(tmp_path, monkeypatch):
    file = zip_of(tmp_path / "x.zip", *[f"dog/{number}.png" for number in range(20)])
    monkeypatch.setattr(labelled_images, "MAX_ZIP_FILES", 19)
    assert "more than 19 files" in refusal(labelled_images.open_zip, file)
    monkeypatch.setattr(labelled_images, "MAX_ZIP_FILES", 20)
    assert labelled_images.open_zip(file).count == 20


def test_a_long_list_of_files_in_a_zip_is_not_read(tmp_path, monkeypatch):
    longest_name = 2**16 - 1
    count = zips.MAX_DIRECTORY // longest_name + 1
    names = [f"{number:0{longest_name}}" for number in range(count)]
    file = zip_of(tmp_path / "x.zip", *names)
    monkeypatch.setattr(zipfile, "ZipInfo", lambda *_: pytest.fail("it was read"))
    assert "names that are too long" in refusal(labelled_images.open_zip, file)


def test_only_the_list_of_files_has_to_be_short(tmp_path):
    content = bytes(zips.MAX_DIRECTORY + 1)
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("dog/1.bmp", content)
    (item,) = labelled_images.open_zip(tmp_path / "x.zip").items()
    assert item.read() == content


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\5\6", picture(), bytes(1000)])
def test_what_is_no_zip_is_refused(content, tmp_path):
    (tmp_path / "x.zip").write_bytes(content)
    message = refusal(labelled_images.open_zip, tmp_path / "x.zip")
    assert message == "x.zip is not a whole zip archive; make it again."


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_zip_with_wrong_bytes_is_a_set_or_refused(tmp_path_factory, data):
    file = tmp_path_factory.getbasetemp() / "fuzzed.zip"
    content = bytearray(zip_of(file, "dog/1.png", "other/ü.png").read_bytes())
    places = st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255))
    for place, value in data.draw(st.lists(places, max_size=6)):
        content[place] = value
    file.write_bytes(content[: data.draw(st.integers(len(content) - 30, len(content)))])
    try:
        for item in labelled_images.open_zip(file).items():
            item.read()
    except (DataError, ImageError):
        return


# CSVs


def csv_of(folder: Path, content: str | bytes) -> Path:
    file = folder / "list.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


@pytest.mark.parametrize(
    "content",
    [
        "file,label\na.jpg,151\nsub/b c.jpg,0\n",
        "\ufefffile,label\r\na.jpg,151\r\nsub/b c.jpg,0\r\n",
        "label,n,file\n151,x,a.jpg\n\n 0 ,,sub/b c.jpg",
        'File , LABEL\n"a.jpg","151"\n"sub/b c.jpg", "000"\n , \n',
    ],
)
@pytest.mark.parametrize("scheme", ["imagenet", "dogs", None])
def test_a_csv_lists_files_and_classes(content, scheme, tmp_path):
    folder_of(tmp_path, "a.jpg", "sub/b c.jpg")
    result = labelled_images.open_set(csv_of(tmp_path, content), scheme)
    assert known(result) == {"a.jpg": CHIHUAHUA, "sub/b c.jpg": TENCH}
    assert [item.read() for item in result.items()] == [b"a.jpg", b"sub/b c.jpg"]


def test_a_csvs_paths_begin_at_the_root_or_are_whole(tmp_path):
    folder_of(tmp_path / "photos", "a.jpg")
    whole = tmp_path / "photos" / "a.jpg"
    file = csv_of(tmp_path, f"file,label\na.jpg,0\n{whole},1\nabsent.jpg,2\n../x.jpg,3\n")
    items = list(labelled_images.open_set(file, "dogs", root=tmp_path / "photos").items())
    assert [item.read() for item in items[:2]] == [b"a.jpg", b"a.jpg"]
    assert reading(items[2]) == "absent.jpg does not exist; check the path."
    assert reading(items[3]) == "../x.jpg does not exist; check the path."


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "line 1: the header must name the columns file and label; it is: empty"),
        ("a.jpg,151\n", "line 1: the header must name the columns file and label; it is: a.jpg"),
        ("file;label\na.jpg;151\n", "line 1: the header"),
        ("file,label\n", "lists no pictures"),
        ("file,label\na.jpg,0\nb.jpg,1000\n", "line 3: the label must be an ImageNet class index"),
        ("file,label\na.jpg,dog\n", "it is: dog."),
        ("file,label\na.jpg,\n", "line 2: the label must be an ImageNet class index from 0 to 999"),
        ("file,label\na.jpg,١\n", "line 2: the label"),
        ("file,label\na.jpg," + "9" * 9999, "line 2: the label"),
        ("file,label\n\n\na.jpg\n", "line 4: there must be a file and a label"),
        ("file,label\n,1\n", "line 2: the name of the file is missing"),
        ('file,label\n"a.jpg,1\n', "line 2: this is not a line of a CSV"),
        ("file,label\na\0.jpg,1\n" + "x" * 200_000, "this is not a line of a CSV"),
        ("file,label\nä.jpg,1\n".encode("latin-1"), "not a text file in UTF-8"),
        ("file,label\na.jpg,1\n".encode("utf-16"), "not a text file in UTF-8"),
    ],
)
def test_a_wrong_csv_is_refused_with_the_line(content, complaint, tmp_path):
    message = refusal(labelled_images.open_csv, csv_of(tmp_path, content))
    assert message.startswith("list.csv") and complaint in message and len(message) < 200


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(
                str.strip
            ),
            st.integers(0, 999),
        ),
        min_size=1,
    )
)
def test_whatever_a_csv_writer_writes_is_read(tmp_path_factory, rows):
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([("file", "label"), *rows])
    result = labelled_images.open_csv(csv_of(tmp_path_factory.getbasetemp(), text.getvalue()))
    assert [item.label.imagenet for item in result.items()] == [label for _, label in rows]
    assert result.count == len(rows)


# Arrays


def array_of(folder: Path, **arrays: np.ndarray) -> Path:
    np.savez(folder / "set.npz", **arrays)
    return folder / "set.npz"


X = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
Y = np.array([3, 5, 0, 9])


@pytest.mark.parametrize("y", [Y, Y[:, None], Y.astype(np.uint8), Y.astype(">i2")])
def test_an_array_of_images_and_classes(y, tmp_path):
    result = labelled_images.open_set(array_of(tmp_path, x=X, y=y), "cifar10")
    assert known(result) == {f"0000{i}": cifar10_label(int(of_it)) for i, of_it in enumerate(Y)}
    assert np.array_equal([item.read() for item in result.items()], X)


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        ({"x": X}, "must hold the arrays x and y; it holds: x."),
        ({"x_test": X, "y_test": Y}, "it holds: x_test, y_test."),
        ({}, "it holds: none."),
        ({"x": X / 255, "y": Y}, "x in set.npz is float64"),
        ({"x": X[..., 0], "y": Y}, "of the shape (4, 32, 32)"),
        ({"x": X[:0], "y": Y[:0]}, "of the shape (0, 32, 32, 3)"),
        ({"x": X, "y": Y[:3]}, "y in set.npz is int64 of the shape (3,)"),
        ({"x": X, "y": np.eye(10)[Y]}, "of the shape (4, 10)"),
        ({"x": X, "y": Y.astype(float)}, "y in set.npz is float64"),
        ({"x": X, "y": Y + 1}, "goes from 1 to 10"),
        ({"x": X, "y": Y - 1}, "goes from -1 to 8"),
        ({"x": np.array([None]), "y": Y}, "cannot be read as an .npz file"),
    ],
)
def test_another_array_is_refused(arrays, complaint, tmp_path):
    assert complaint in refusal(labelled_images.open_set, array_of(tmp_path, **arrays), "cifar10")


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"\x93NUMPY"])
def test_a_damaged_array_is_refused(content, tmp_path):
    (tmp_path / "x.npz").write_bytes(content)
    assert "cannot be read as an .npz file" in refusal(
        labelled_images.open_array, tmp_path / "x.npz"
    )


def test_the_sample_that_ships():
    result = labelled_images.sample_set()
    assert [item.label.cifar10 for item in result.items()] == [i // 10 for i in range(100)]
    assert np.array_equal([item.read() for item in result.items()], cifar10.cifar10_sample()[0])


def test_the_official_test_images(monkeypatch):
    data = cifar10.Cifar10(X[:0], Y[:0], X, Y.astype(np.uint8))
    monkeypatch.setattr(cifar10, "load_cifar10", lambda on_progress: data)
    result = labelled_images.official_test_set()
    assert [item.label.cifar10 for item in result.items()] == list(Y)
    assert np.array_equal([item.read() for item in result.items()], X)


# Which of them it is


@pytest.mark.parametrize(
    ("name", "scheme", "complaint"),
    [
        ("absent", None, "absent cannot be read (No such file or directory)"),
        ("null\0", None, "null? cannot be read (invalid path)"),
        ("list.csv", "cifar10", "a folder for each class (airplane, "),
        ("set.npz", "imagenet", "with the columns file,label"),
        ("empty", "imagenet", "There are no pictures in empty"),
        ("pipe", "imagenet", "pipe is not what is needed here"),
    ],
)
def test_what_does_not_serve_is_refused_with_advice(name, scheme, complaint, tmp_path):
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    csv_of(tmp_path, "file,label\na.jpg,1\n")
    array_of(tmp_path, x=X, y=Y)
    assert complaint in refusal(labelled_images.open_set, tmp_path / name, scheme)
