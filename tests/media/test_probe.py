"""What the door says about every format it accepts, and about what it does not."""

from __future__ import annotations

import struct
import wave
import zlib
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from app.errors import (
    TooLarge,
    TooLong,
    UnreadableMedia,
    UnsupportedAudio,
    UnsupportedImage,
)
from app.media.decode import iter_video
from app.media.probe import Limits, probe_audio, probe_face
from app.model import Kind
from tests.media.conftest import Sample
from tests.media.samples import HEIGHT, SOUNDS, STILLS, VIDEOS, WIDTH, Recipe, record

CONTAINER_OF = {
    "jpg": "jpeg",
    "heic": "heif",
    "opus": "ogg",
}


def container_of(name: str) -> str:
    extension = name.rpartition(".")[2]
    return CONTAINER_OF.get(extension, extension)


@pytest.mark.parametrize("name", STILLS)
def test_a_still_is_known_by_its_content(sample: Sample, name: str, tmp_path: Path) -> None:
    disguised = tmp_path / "face.txt"
    disguised.write_bytes(sample(name).read_bytes())
    media = probe_face(disguised, sha256="5e")
    assert (media.kind, media.container) == (Kind.IMAGE, container_of(name))
    assert (media.width, media.height, media.rotation) == (WIDTH, HEIGHT, 0)
    assert (media.size, media.sha256) == (disguised.stat().st_size, "5e")
    assert media.duration is None


@pytest.mark.parametrize(
    ("name", "picture", "sound"),
    [
        ("mp4", "h264", "aac"),
        ("mov", "h264", "aac"),
        ("m4v", "h264", "aac"),
        ("webm", "vp9", "opus"),
        ("mkv", "h264", "flac"),
        ("avi", "mpeg4", "mp3"),
    ],
)
def test_a_video_is_a_face_and_its_track_a_voice(
    sample: Sample, name: str, picture: str, sound: str
) -> None:
    face = probe_face(sample(name), sha256="")
    assert (face.kind, face.container) == (Kind.VIDEO, name)
    assert (face.width, face.height, face.rotation) == (WIDTH, HEIGHT, 0)
    assert (face.video_codec, face.audio_codec) == (picture, sound)
    assert face.frame_rate == 25
    assert face.duration == pytest.approx(1, abs=0.05)

    voice = probe_audio(sample(name), sha256="")
    assert (voice.kind, voice.container) == (Kind.AUDIO, name)
    assert (voice.video_codec, voice.audio_codec) == (picture, sound)
    assert voice.duration == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("mp3", "mp3"),
        ("16.wav", "pcm_s16le"),
        ("24.wav", "pcm_s24le"),
        ("float.wav", "pcm_f32le"),
        ("m4a", "aac"),
        ("aac", "aac"),
        ("ogg", "opus"),
        ("vorbis.ogg", "vorbis"),
        ("opus", "opus"),
        ("recorded.webm", "opus"),
        ("flac", "flac"),
        ("aiff", "pcm_s16be"),
        ("amr", "amr_nb"),
    ],
)
def test_a_recording_is_a_voice(sample: Sample, name: str, codec: str) -> None:
    media = probe_audio(sample(name), sha256="")
    assert (media.kind, media.container) == (Kind.AUDIO, container_of(name))
    assert (media.audio_codec, media.video_codec) == (codec, None)
    assert media.duration == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("name", "brand", "container"),
    [
        ("mp4", b"3gp5", "3gp"),
        ("mp4", b"mp42", "mp4"),
        ("mp4", b"dash", "mp4"),
        ("m4a", b"M4B ", "m4a"),
        ("avif", b"mif1", "avif"),
        ("heic", b"mif1", "heif"),
    ],
)
def test_a_brand_may_have_many_names(
    sample: Sample, tmp_path: Path, name: str, brand: bytes, container: str
) -> None:
    content = bytearray(sample(name).read_bytes())
    content[8:12] = brand
    branded = tmp_path / "branded"
    branded.write_bytes(content)
    probe = probe_audio if name == "m4a" else probe_face
    assert probe(branded, sha256="").container == container


def test_a_song_with_a_cover_has_no_picture(sample: Sample, tmp_path: Path) -> None:
    cover = b"\0image/jpeg\0\x03\0" + sample("jpg").read_bytes()
    frame = b"APIC" + struct.pack(">IH", len(cover), 0) + cover
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    song = tmp_path / "song.mp3"
    song.write_bytes(b"ID3\x03\0\0" + size + frame + sample("mp3").read_bytes())
    media = probe_audio(song, sha256="")
    assert (media.container, media.video_codec) == ("mp3", None)


@pytest.mark.parametrize("footer", [b"", b"3DI\x04\0\x10\0\0\x20\0"])
def test_a_tag_does_not_hide_what_follows(sample: Sample, tmp_path: Path, footer: bytes) -> None:
    flags = b"\x10" if footer else b"\0"
    tag = b"ID3\x04\0" + flags + b"\0\0\x20\0" + b"\0" * 4096 + footer
    tagged = tmp_path / "tagged"
    tagged.write_bytes(tag + b"\0" * 20 + sample("aac").read_bytes())
    assert probe_audio(tagged, sha256="").container == "aac"


def test_a_length_that_was_guessed_is_no_promise(tmp_path: Path) -> None:
    calm = record(tmp_path / "calm.aac", Recipe(sound="aac", format="adts", bit_rate=8_000))
    rich = record(tmp_path / "rich.aac", Recipe(sound="aac", format="adts", bit_rate=300_000))
    both = tmp_path / "both.aac"
    both.write_bytes(calm.read_bytes() + rich.read_bytes())
    assert probe_audio(both, sha256="").duration == pytest.approx(2, abs=0.1)


def test_a_voice_may_be_shorter_than_its_video(tmp_path: Path) -> None:
    times = tuple(n / 10 for n in range(40))
    video = record(tmp_path / "short.webm", Recipe("libvpx", "libopus", rate=10, times=times))
    assert probe_audio(video, sha256="").duration == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("placeholder", [0xFFFFFFFF, 0x7FFFFFD7])
def test_a_streamed_wav_does_not_know_its_length(
    sample: Sample, tmp_path: Path, placeholder: int
) -> None:
    content = bytearray(sample("16.wav").read_bytes())
    at = content.index(b"data") + 4
    content[4:8] = content[at : at + 4] = struct.pack("<I", placeholder)
    streamed = tmp_path / "streamed.wav"
    streamed.write_bytes(content)
    assert probe_audio(streamed, sha256="").duration == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tiff", "avif"])
@pytest.mark.parametrize(
    ("orientation", "rotation"),
    [(1, 0), (2, 0), (3, 180), (4, 180), (5, 90), (6, 90), (7, 270), (8, 270)],
)
def test_a_still_is_measured_as_it_is_seen(
    tmp_path: Path, extension: str, orientation: int, rotation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = tmp_path / f"photo.{extension}"
    Image.new("RGB", (60, 40)).save(photo, exif=exif)
    media = probe_face(photo, sha256="")
    assert (media.width, media.height) == ((40, 60) if orientation > 4 else (60, 40))
    assert media.rotation == rotation


def test_odd_metadata_is_no_reason_to_refuse(tmp_path: Path) -> None:
    photo = tmp_path / "odd.jpg"
    short = b"Exif\0\0II*\0\x08\0\0\0\x02\0\x12\x01\x03\0"
    Image.new("RGB", (60, 40)).save(photo, exif=short)
    assert probe_face(photo, sha256="").width == 60


def test_a_video_held_upright_is_measured_as_it_is_seen(tmp_path: Path) -> None:
    video = turned_clockwise(record(tmp_path / "upright.mp4", VIDEOS["mp4"]))
    media = probe_face(video, sha256="")
    assert (media.width, media.height, media.rotation) == (HEIGHT, WIDTH, 90)


def turned_clockwise(video: Path) -> Path:
    """Write into the track header what a phone that is held upright writes there."""
    content = bytearray(video.read_bytes())
    matrix = content.index(b"tkhd") + 44
    quarter = (0, 1 << 16, 0, -1 << 16, 0, 0, HEIGHT << 16, 0, 1 << 30)
    content[matrix : matrix + 36] = struct.pack(">9i", *quarter)
    video.write_bytes(content)
    return video


def test_a_still_may_have_a_length_in_a_container_without_one(tmp_path: Path) -> None:
    video = record(tmp_path / "one.webm", Recipe("libvpx", rate=1000, times=(0.0,), live=True))
    assert probe_face(video, sha256="").duration == pytest.approx(0.04)


FOREIGN = {
    "text": b"A face, described in words.",
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "html": b"<!doctype html><title>404</title>",
    "playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/hostname\n",
    "concat": b"ffconcat version 1.0\nfile '/etc/hostname'\n",
    "zip": b"PK\x03\x04" + b"\0" * 100,
    "program": b"\x7fELF\x02\x01\x01" + b"\0" * 100,
    "flv": b"FLV\x01\x05\0\0\0\x09\0\0\0\0",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_no_media_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / "face.jpg"
    file.write_bytes(FOREIGN[name])
    with pytest.raises(UnsupportedImage, match=r"^Invalid image format. Supported: .jpg, .jpeg"):
        probe_face(file, sha256="")
    with pytest.raises(UnsupportedAudio, match=r"^Invalid audio format. Supported: .mp3, .wav"):
        probe_audio(file, sha256="")


@pytest.mark.parametrize("name", ["mp3", "16.wav", "m4a", "aac", "ogg", "flac", "aiff", "amr"])
def test_a_voice_is_no_face(sample: Sample, name: str) -> None:
    with pytest.raises(UnsupportedImage):
        probe_face(sample(name), sha256="")


@pytest.mark.parametrize("name", STILLS)
def test_a_still_is_no_voice(sample: Sample, name: str) -> None:
    with pytest.raises(UnsupportedAudio):
        probe_audio(sample(name), sha256="")


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    with pytest.raises(UnreadableMedia, match=r"^The image is empty\.$"):
        probe_face(empty, sha256="")
    with pytest.raises(UnreadableMedia, match=r"^The audio is empty\.$"):
        probe_audio(empty, sha256="")


def test_a_stream_that_is_missing_is_named(tmp_path: Path) -> None:
    mute = record(tmp_path / "mute.mp4", Recipe("libx264"))
    blind = record(tmp_path / "blind.mp4", Recipe(sound="aac"))
    with pytest.raises(UnreadableMedia, match=r"^The audio has no sound track\.$"):
        probe_audio(mute, sha256="")
    with pytest.raises(UnreadableMedia, match=r"^The video has no picture\.$"):
        probe_face(blind, sha256="")


def test_a_codec_that_nobody_needs_is_not_decoded(tmp_path: Path) -> None:
    rare = record(tmp_path / "rare.mkv", Recipe("ffv1"))
    with pytest.raises(UnreadableMedia, match="codec"):
        probe_face(rare, sha256="")


def test_a_sound_without_samples_is_refused(tmp_path: Path) -> None:
    silent = tmp_path / "silent.wav"
    with wave.open(str(silent), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
    with pytest.raises(UnreadableMedia, match="no sound"):
        probe_audio(silent, sha256="")


@pytest.mark.parametrize("name", STILLS)
def test_a_still_that_is_cut_off_is_refused(sample: Sample, tmp_path: Path, name: str) -> None:
    content = sample(name).read_bytes()
    half = tmp_path / "half"
    # Of what moves only the first picture counts.
    half.write_bytes(content[: len(content) // (4 if "moving" in name else 2)])
    with pytest.raises(UnreadableMedia, match="image"):
        probe_face(half, sha256="")


@pytest.mark.parametrize("name", ["mp4", "mkv", "webm", "avi", "16.wav", "m4a", "flac", "aiff"])
def test_a_recording_that_is_cut_off_is_refused(tmp_path: Path, name: str) -> None:
    recipe = VIDEOS.get(name) or SOUNDS[name]
    whole = record(tmp_path / f"whole.{name}", Recipe(recipe.picture, recipe.sound, seconds=4))
    content = _index_first(whole).read_bytes()
    whole.write_bytes(content[: len(content) // 2])
    probe = probe_face if name in VIDEOS else probe_audio
    with pytest.raises(UnreadableMedia, match=r"cut off: it should be \d\.\d seconds long"):
        probe(whole, sha256="")


def _index_first(path: Path) -> Path:
    """An MP4 with its index first, so that what is cut off is only sound and picture."""
    if path.suffix not in (".mp4", ".m4a"):
        return path
    moved = path.with_name(f"moved{path.suffix}")
    options = {"movflags": "+faststart"}
    with av.open(path) as old, av.open(moved, "w", format="mp4", options=options) as new:
        streams = {s.index: new.add_stream_from_template(s) for s in old.streams}
        for packet in old.demux():
            if packet.size:
                packet.stream = streams[packet.stream.index]
                new.mux(packet)
    return moved


@pytest.mark.parametrize("name", ["jpg", "png", "heic", "webp", "mp4", "webm"])
def test_noise_behind_a_good_header_is_refused(sample: Sample, tmp_path: Path, name: str) -> None:
    head = sample(name).read_bytes()[:64]
    noise = np.random.default_rng(1).bytes(20_000)
    broken = tmp_path / "broken"
    broken.write_bytes(head + noise)
    with pytest.raises(UnreadableMedia, match=r"^The (image|video)"):
        probe_face(broken, sha256="")


@pytest.mark.parametrize("name", ["mp4", "m4a"])
def test_noise_in_place_of_the_content_is_refused(
    sample: Sample, tmp_path: Path, name: str
) -> None:
    content = bytearray(sample(name).read_bytes())
    start = content.index(b"mdat") + 4
    end = content.index(b"moov", start) - 4
    content[start:end] = np.random.default_rng(1).bytes(end - start)
    broken = tmp_path / "broken"
    broken.write_bytes(content)
    probe = probe_face if name == "mp4" else probe_audio
    with pytest.raises(UnreadableMedia, match="can be decoded"):
        probe(broken, sha256="")


PNG_HEADER = b"IHDR\0\0\x40\0\0\0\x40\0\x08\x02\0\0\0"

PNG_CHECKSUM = struct.pack(">I", zlib.crc32(PNG_HEADER))

BOMBS = {
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\x0d" + PNG_HEADER + PNG_CHECKSUM + b"\0\0\0\x01IDAT\0",
    "gif": b"GIF89a\xff\xff\xff\xff\x80\0\0" + b"\0" * 7 + b",\0\0\0\0\xff\xff\xff\xff\0\x08\0\0;",
    "webp": b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x3f\0\xff\x3f\0",
    "bmp": b"BM" + b"\0" * 8 + b"\x36\0\0\0\x28\0\0\0\0\x40\0\0\0\x40\0\0\x01\0\x18" + b"\0" * 25,
}
"""Headers of pictures of 16,384 pixels a side and more, with nothing behind them."""


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_known_by_its_header(tmp_path: Path, name: str) -> None:
    bomb = tmp_path / "bomb"
    bomb.write_bytes(BOMBS[name])
    with pytest.raises(TooLarge, match="64 megapixels"):
        probe_face(bomb, sha256="")


@pytest.mark.parametrize("name", ["jpg", "png", "webp", "heic", "avif", "bmp", "tiff", "gif"])
def test_a_still_over_the_limit_is_refused(sample: Sample, name: str) -> None:
    with pytest.raises(TooLarge, match=r"0\.003 megapixels"):
        probe_face(sample(name), sha256="", limits=Limits(max_pixels=3000))


def test_a_giant_video_is_refused(sample: Sample, tmp_path: Path) -> None:
    giant = record(tmp_path / "giant.mp4", Recipe("mpeg4", size=(8000, 4800), seconds=0.04))
    with pytest.raises(TooLarge, match="36 megapixels"):
        probe_face(giant, sha256="")
    with pytest.raises(UnreadableMedia):
        next(iter_video(giant, frame_rate=None, max_side=64))
    with pytest.raises(TooLarge, match="60 on a side"):
        probe_face(sample("mp4"), sha256="", limits=Limits(max_frame_side=60))


@pytest.mark.parametrize("name", ["mp4", "webm", "16.wav", "mp3", "recorded.webm"])
def test_a_long_recording_is_refused_with_both_numbers(sample: Sample, name: str) -> None:
    probe = probe_face if name in VIDEOS else probe_audio
    with pytest.raises(TooLong, match=r"is 1\.0 seconds long; the limit is 0\.25"):
        probe(sample(name), sha256="", limits=Limits(max_seconds=0.25))
