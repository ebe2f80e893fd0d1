"""The pretrained models that the program can use: where each comes from, how large, on what terms.

Revisions are the commits of the hub's repositories. Sizes and SHA-256 are those of the files at
these revisions, as published by the hub; a size that only a rounded figure is known of is marked,
a hash that is not known is learnt from the hub's own record of the file when it is fetched. No
model is part of the program: each is fetched by its user, on the terms of its license.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from codec.errors import UnknownName

_PICKLES = (".bin", ".pth", ".pt", ".ckpt")


@dataclass(frozen=True)
class File:
    """One file of a repository.

    path: with "/" between folders; size: bytes, 0 if it is small and not known
    sha256: hex, or None: not known beforehand; rounded: the size is about so
    optional: read where it is there, missed by nobody
    """

    path: str
    size: int = 0
    sha256: str | None = None
    rounded: bool = False
    optional: bool = False

    @property
    def pickled(self) -> bool:
        """Whether the file is a pickle, which is converted before anything else reads it."""
        return self.path.endswith(_PICKLES)

    @property
    def converted(self) -> str:
        """The path that its tensors have as safetensors: the name that the libraries look for."""
        path = PurePosixPath(self.path)
        if path.name == "pytorch_model.bin":
            return str(path.with_name("model.safetensors"))
        return str(path.with_suffix(".safetensors")) if self.pickled else self.path


@dataclass(frozen=True)
class Model:
    """One model.

    name: what the program calls it; purpose: one phrase for a person
    repo: owner/name on the hub; revision: the commit, 40 hex digits; files: what is read of it
    license: as the repository states it; note: what a person should know besides
    single: one checkpoint file of the repository that holds all the weights as well
    """

    name: str
    purpose: str
    repo: str
    revision: str
    files: tuple[File, ...]
    license: str
    note: str = ""
    single: File | None = None

    @property
    def bytes(self) -> int:
        """What `files` take on disk, in bytes; about so where sizes are rounded or unknown."""
        return sum(file.size for file in self.files)

    @property
    def pickled(self) -> bool:
        """Whether any file has to be converted before it is used."""
        return any(file.pickled for file in self.files)

    @property
    def weights(self) -> str:
        """The path of its largest weights, as safetensors, in the folder that `locate` returns."""
        return max(self.files, key=lambda file: file.size).converted


def all() -> tuple[Model, ...]:
    """Return every model, the most needed first."""
    return _MODELS


def find(name: str) -> Model:
    """Return the model called `name`. Raises UnknownName, whose message lists the names."""
    for model in _MODELS:
        if model.name == name:
            return model
    names = ", ".join(model.name for model in _MODELS)
    raise UnknownName(f"there is no model {name!r}; there are: {names}")


def _adapter(name: str, draws: str, repo: str, revision: str, config: int, weights: File) -> Model:
    return Model(
        name,
        f"guides Stable Diffusion by {draws} (T2I-Adapter)",
        f"TencentARC/{repo}",
        revision,
        (File("config.json", config), weights),
        "Apache-2.0",
        "a pickle on the hub: converted to safetensors once",
    )


def _controlnet(name: str, draws: str, repo: str, revision: str, config: int, sha256: str | None = None) -> Model:
    weights = File("diffusion_pytorch_model.safetensors", 1_450_000_000, sha256, rounded=True)
    return Model(
        name,
        f"guides Stable Diffusion by {draws} (ControlNet 1.1)",
        f"lllyasviel/{repo}",
        revision,
        (File("config.json", config), weights),
        "OpenRAIL",
    )


def _annotator(name: str, purpose: str, weights: File, note: str) -> Model:
    revision = "982e7edaec38759d914a963c48c4726685de7d96"
    return Model(name, purpose, "lllyasviel/Annotators", revision, (weights,), "other (see repository)", note)


_MODELS = (
    Model(
        "sd15",
        "Stable Diffusion 1.5, which paints the picture",
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        "451f4fe16113bff5a5d2269ed5ad43b0592e9a14",
        (
            File("model_index.json", 541),
            File("scheduler/scheduler_config.json", 308),
            File("tokenizer/merges.txt", 524_619),
            File("tokenizer/special_tokens_map.json", 472),
            File("tokenizer/tokenizer_config.json", 806),
            File("tokenizer/vocab.json", 1_059_962),
            File("text_encoder/config.json", 617),
            File(
                "text_encoder/model.safetensors",
                492_265_874,
                "d008943c017f0092921106440254dbbe00b6a285f7883ec8ba160c3faad88334",
            ),
            File("unet/config.json", 743),
            File(
                "unet/diffusion_pytorch_model.safetensors",
                3_438_167_540,
                "19da7aaa4b880e59d56843f1fcb4dd9b599c28a1d9d9af7c1143057c8ffae9f1",
            ),
            File("vae/config.json", 547),
            File(
                "vae/diffusion_pytorch_model.safetensors",
                334_643_276,
                "a2b5134f4dbc140d9c11f11cba3233099e00af40f262f136c691fb7d38d2194c",
            ),
        ),
        "CreativeML OpenRAIL-M",
        "any Stable Diffusion 1.x checkpoint in one .safetensors file does as well",
        File(
            "v1-5-pruned-emaonly.safetensors",
            4_265_146_304,
            "6ce0161689b3853acaa03779ec93eafe75a02f4ced659bee03f50797806fa2fa",
        ),
    ),
    _adapter(
        "sketch-adapter",
        "a sketch",
        "t2iadapter_sketch_sd15v2",
        "a73a564e35b0956deffd164e1ee463f967c3f952",
        208,
        File(
            "diffusion_pytorch_model.bin",
            308_000_000,
            "fae8f2eb4e4646993c1c2c8c73765eb46d7a8cf6579e1ca974374cd10f303434",
            rounded=True,
        ),
    ),
    _adapter(
        "openpose-adapter",
        "poses",
        "t2iadapter_openpose_sd14v1",
        "1ea9d2656647739e1b6b232b02a8e71a90cfe7d1",
        208,
        File(
            "diffusion_pytorch_model.bin",
            309_000_000,
            "6db9126252a100eda4f927789bb3a72fb45ec806fec36b42f2a14e7f35b2c3da",
            rounded=True,
        ),
    ),
    _adapter(
        "color-adapter",
        "a colormap",
        "t2iadapter_color_sd14v1",
        "e8acd1d54c8bf50a3d92b348231bc1a0ce2a8c99",
        199,
        File("diffusion_pytorch_model.bin", 74_800_000, rounded=True),
    ),
    _controlnet(
        "controlnet-scribble",
        "a sketch",
        "control_v11p_sd15_scribble",
        "3564ec7b87dd706d5fc760d21c9e90bb160d1e9f",
        999,
    ),
    _controlnet(
        "controlnet-lineart",
        "fine lines",
        "control_v11p_sd15_lineart",
        "8a158f547e031c5b8fbca19ead09a74767ff4db0",
        998,
    ),
    _controlnet(
        "controlnet-openpose",
        "poses",
        "control_v11p_sd15_openpose",
        "9ae9f970358db89e211b87c915f9535c6686d5ba",
        0,
        "46b10abb28f3750aba7eea208e188539f7945d9256de9a248cbb9902f2276988",
    ),
    Model(
        "lcm-lora",
        "lets Stable Diffusion paint in 4 to 8 steps",
        "latent-consistency/lcm-lora-sdv1-5",
        "cf2fced511dbe7e26c8d1d397e728fbab875db4b",
        (
            File(
                "pytorch_lora_weights.safetensors",
                134_621_556,
                "8f90d840e075ff588a58e22c6586e2ae9a6f7922996ee6649a7f01072333afe4",
            ),
        ),
        "OpenRAIL++",
    ),
    Model(
        "taesd",
        "small, fast stand-in for Stable Diffusion's image decoder",
        "madebyollin/taesd",
        "614f76814bbe30edbe2e627ace1c2234c81a2c0e",
        (
            File("config.json"),
            File(
                "diffusion_pytorch_model.safetensors",
                9_793_292,
                "db169d69145ec4ff064e49d99c95fa05d3eb04ee453de35824a6d0f325513549",
            ),
        ),
        "MIT",
    ),
    Model(
        "blip2",
        "describes pictures in words, well (BLIP-2 OPT-2.7b)",
        "Salesforce/blip2-opt-2.7b",
        "59a1ef6c1e5117b3f65523d1c6066825bcf315e3",
        (
            File("config.json"),
            File("merges.txt"),
            File("model.safetensors.index.json"),
            File(
                "model-00001-of-00002.safetensors",
                9_996_328_120,
                "b81228c9ac1b3dee1731ee71d51fe3b2c34f915019c44c25a793b51300ae24fc",
            ),
            File(
                "model-00002-of-00002.safetensors",
                4_982_879_016,
                "536bd73b8f1de7d94f503b23fea2eaa4f7f3ea5f74f8f874fcb21d6df1555a19",
            ),
            File("preprocessor_config.json"),
            File("tokenizer_config.json"),
            File("vocab.json"),
            File("added_tokens.json", optional=True),
            File("generation_config.json", optional=True),
            File("processor_config.json", optional=True),
            File("special_tokens_map.json", optional=True),
            File("tokenizer.json", optional=True),
        ),
        "MIT",
    ),
    Model(
        "blip",
        "describes pictures in words, on small machines (BLIP base)",
        "Salesforce/blip-image-captioning-base",
        "82a37760796d32b1411fe092ab5d4e227313294b",
        (
            File("config.json", 4_563),
            File("preprocessor_config.json", 287),
            File(
                "pytorch_model.bin",
                989_820_849,
                "d6638651a5526cc2ede56f2b5104d6851b0755816d220e5e046870430180c767",
            ),
            File("special_tokens_map.json", 125),
            File("tokenizer.json", 711_396),
            File("tokenizer_config.json", 506),
            File("vocab.txt", 231_508),
        ),
        "BSD-3-Clause",
        "a pickle on the hub: converted to safetensors once",
    ),
    _annotator(
        "pidinet",
        "finds the lines of a picture (PiDiNet, the paper's)",
        File(
            "table5_pidinet.pth",
            2_871_148,
            "80860ac267258b5f27486e0ef152a211d0b08120f62aeb185a050acc30da486c",
        ),
        "PiDiNet's own license adds research-only terms",
    ),
    _annotator(
        "hed",
        "finds the soft edges of a picture (HED)",
        File(
            "ControlNetHED.pth",
            29_444_406,
            "5ca93762ffd68a29fee1af9d495bf6aab80ae86f08905fb35472a083a4c7a8fa",
        ),
        "",
    ),
    _annotator(
        "openpose-detector",
        "finds people and their poses (OpenPose)",
        File(
            "body_pose_model.pth",
            209_267_595,
            "25a948c16078b0f08e236bda51a385d855ef4c153598947c28c0d47ed94bb746",
        ),
        "",
    ),
    Model(
        "clip",
        "compares pictures with words (CLIP ViT-B/32), for bench",
        "openai/clip-vit-base-patch32",
        "3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268",
        (
            File("config.json"),
            File("merges.txt"),
            File("preprocessor_config.json"),
            File(
                "pytorch_model.bin",
                605_247_071,
                "a63082132ba4f97a80bea76823f544493bffa8082296d62d71581a4feff1576f",
                rounded=True,
            ),
            File("special_tokens_map.json"),
            File("tokenizer.json"),
            File("tokenizer_config.json"),
            File("vocab.json"),
        ),
        "other (see repository)",
        "a pickle on the hub: converted to safetensors once",
    ),
)
