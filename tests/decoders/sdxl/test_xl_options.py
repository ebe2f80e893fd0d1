"""Options of the decoder `sdxl`, and the sizes that it works at."""

from __future__ import annotations

import pytest

from codec.bitstream.settings import Settings
from codec.decoders.sdxl.buckets import nearest_bucket
from codec.decoders.sdxl.xl_options import XLOptions, resolve_xl_options
from codec.errors import CodecError, UnknownName

# height, width: the first half of appendix I of Podell et al. (2023); the second half mirrors it
PUBLISHED = {
    (512, 2048), (512, 1984), (512, 1920), (512, 1856), (576, 1792), (576, 1728), (576, 1664), (640, 1600),
    (640, 1536), (704, 1472), (704, 1408), (704, 1344), (768, 1344), (768, 1280), (832, 1216), (832, 1152),
    (896, 1152), (896, 1088), (960, 1088), (960, 1024), (1024, 1024),
}  # fmt: skip


@pytest.mark.parametrize(
    ("picture", "bucket"),
    [((512, 512), (1024, 1024)), ((768, 512), (1216, 832)), ((512, 768), (832, 1216)), ((1920, 1080), (1344, 768)),
     ((4096, 1), (2048, 512)), ((3, 4), (896, 1152))],
)  # fmt: skip
def test_working_size_is_the_nearest_bucket(picture, bucket):
    assert nearest_bucket(*picture) == bucket


def test_every_working_size_was_trained_with():
    for width in range(64, 4097, 37):
        bucket = nearest_bucket(width, 640)
        assert (min(bucket), max(bucket)) in PUBLISHED


def test_other_sizes_keep_to_their_area():
    for size in (64, 512, 768, 1536):
        for picture in ((1, 1), (200, 120), (1, 4000)):
            width, height = nearest_bucket(*picture, size)
            assert width % 64 == height % 64 == 0 and 0 < width * height <= size * size


@pytest.mark.parametrize(
    "options",
    [{"preset": "paper"}, {"control": "controlnet"}, {"scheduler": "none"}, {"noise": "x"}, {"weights": "x"}],
)
def test_unknown_names_are_refused(options):
    with pytest.raises(UnknownName, match="choose one of"):
        XLOptions(**options)


@pytest.mark.parametrize("options", [{"size": 100}, {"size": 2048}, {"steps": 0}, {"strength": 0.4}, {"guidance": -1}])
def test_numbers_out_of_range_are_refused(options):
    with pytest.raises(CodecError, match=r"\d"):
        XLOptions(**options)


def test_size_is_the_preset_s_or_the_given_one():
    assert [XLOptions(preset=name).working_size for name in ("fast", "turbo", "quality")] == [1024, 512, 1024]
    assert XLOptions(preset="turbo", size=768).working_size == 768


def test_file_s_settings_are_followed_by_the_preset_quality_if_they_suit_it():
    suited, distilled = Settings(25, 6.0, "ddim"), Settings(4, 1.0, "euler")
    resolved = resolve_xl_options(XLOptions(follow=True), suited, has_colors=False)
    assert (resolved.steps, resolved.guidance, resolved.scheduler) == (25, 6.0, "ddim") and not resolved.ignores_file
    resolved = resolve_xl_options(XLOptions(follow=True), distilled, has_colors=False)
    assert (resolved.steps, resolved.guidance) == (30, 7.5) and resolved.ignores_file
    resolved = resolve_xl_options(XLOptions("fast", follow=True), suited, has_colors=False)
    assert (resolved.steps, resolved.guidance) == (4, 0.0) and not resolved.is_guided


@pytest.mark.parametrize(
    ("options", "has_colors", "strength"),
    [({}, True, 0.8), ({}, False, None), ({"control": "union"}, True, None), ({"color_strength": 0}, True, None),
     ({"control": "union", "strength": 0.6}, True, 0.6), ({"strength": 0.5}, True, 0.5)],
)  # fmt: skip
def test_colors_are_the_start_where_nothing_else_has_them(options, has_colors, strength):
    assert resolve_xl_options(XLOptions(**options), has_colors=has_colors).strength == strength


def test_options_of_the_command_line():
    from codec.cli.args import build_parser
    from codec.cli.commands import _decoder_options

    command = "decode a.tril -o a.png --decoder sdxl --control union --strength 0.7 --noise torch".split()
    options = _decoder_options(build_parser().parse_args(command))
    assert isinstance(options, XLOptions) and options.follow
    assert (options.control, options.strength, options.noise) == ("union", 0.7, "torch")
    assert not _decoder_options(build_parser().parse_args([*command, "--preset", "turbo"])).follow
