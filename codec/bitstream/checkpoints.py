"""Names of well-known models. A file stores each of them in one byte.

The list is part of the format: its order is fixed, and names may only be appended, up to 256.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Final

CHECKPOINTS: Final = (
    # Stable Diffusion 1 and 2, and models fine-tuned from them
    "sd-v1-4", "v1-5-pruned", "v1-5-pruned-emaonly", "v1-5-pruned-emaonly-fp16", "sd-v1-5-inpainting",
    "stable-diffusion-v1-4", "stable-diffusion-v1-5", "stable-diffusion-1.4", "stable-diffusion-1.5",
    "512-base-ema", "768-v-ema", "v2-1_512-ema-pruned", "v2-1_768-ema-pruned", "stable-diffusion-2-1",
    "512-inpainting-ema", "wd-v1-3", "wd-1-4-anime_e2", "novelai", "nai", "f222", "mdjrny-v4", "openjourney-v4",
    "dreamlike-diffusion-1.0", "dreamlike-photoreal-2.0", "Anything-V3.0", "anything-v3-full", "anything-v4.5",
    "anything-v5-PrtRE", "AnythingV5_v5PrtRE", "AnythingV5Ink_ink", "Counterfeit-V2.5", "Counterfeit-V3.0_fp16",
    "counterfeitV30_v30", "AbyssOrangeMix2_sfw", "abyssorangemix3AOM3_aom3a1b", "orangemix", "AOM3A1B",
    "anyloraCheckpoint_bakedvaeBlessedFp16", "pastelMixStylizedAnime_pastelMixPrunedFP16", "pastelmix",
    "meinamix_meinaV9", "meinamix_meinaV10", "meinamix_meinaV11", "ghostmix_v20Bakedvae", "toonyou_beta6",
    "darkSushiMixMix_225D", "mistoonAnime_v20", "deliberate_v2", "deliberate_v3", "Deliberate_v6",
    "dreamshaper_4BakedVae", "dreamshaper_5BakedVae", "dreamshaper_6BakedVae", "dreamshaper_7", "dreamshaper_8",
    "DreamShaper_8_pruned", "dreamshaper_8LCM", "lyriel_v16", "revAnimated_v11", "revAnimated_v122",
    "revAnimated_v122EOL", "revAnimated_v2Rebirth", "protogenX34Photorealism_1", "neverendingDreamNED_v122BakedVae",
    "realisticVisionV13_v13", "realisticVisionV20_v20", "realistic_realisticVisionV20_v20",
    "realisticVisionV30_v30VAE", "realisticVisionV40_v40VAE", "realisticVisionV50_v50VAE",
    "realisticVisionV51_v51VAE", "realisticVisionV60B1_v51VAE", "realisticVisionV60B1_v51HyperVAE",
    "Realistic_Vision_V5.1", "Realistic_Vision_V6.0_NV_B1_fp16", "epicrealism_pureEvolutionV5",
    "epicrealism_naturalSin", "epicrealism_naturalSinRC1VAE", "absolutereality_v16", "absolutereality_v181",
    "photon_v1", "cyberrealistic_v33", "chilloutmix_NiPrunedFp32Fix", "chilloutmix_NiPrunedFp16Fix",
    "majicmixRealistic_betterV2V25", "majicmixRealistic_v6", "majicmixRealistic_v7", "perfectWorld_v4Baked",
    "juggernaut_final", "juggernaut_reborn", "analogMadness_v70", "deliberateForInvoke_v08",
    # Stable Diffusion XL
    "sd_xl_base_0.9", "sd_xl_base_1.0", "sd_xl_base_1.0_0.9vae", "sd_xl_refiner_1.0", "sd_xl_refiner_1.0_0.9vae",
    "sd_xl_turbo_1.0", "sd_xl_turbo_1.0_fp16", "stable-diffusion-xl-base-1.0", "stable-diffusion-xl-base-1-0",
    "sdxl_lightning_4step", "sdxl_lightning_8step", "juggernautXL", "juggernautXL_version6Rundiffusion",
    "juggernautXL_v7Rundiffusion", "juggernautXL_v8Rundiffusion", "juggernautXL_v9Rundiffusionphoto2",
    "juggernautXL_v9Rdphoto2Lightning", "juggernautXL_juggXIByRundiffusion", "juggernautXL_ragnarokBy",
    "Juggernaut-XL-v9", "dreamshaperXL10_alpha2Xl10", "dreamshaperXL_turboDpmppSDE",
    "dreamshaperXL_v21TurboDPMSDE", "dreamshaperXL_lightningDPMSDE", "realvisxlV30", "realvisxlV40",
    "RealVisXL_V3.0", "RealVisXL_V4.0", "RealVisXL_V5.0", "RealVisXL_V5.0_Lightning",
    "realisticStockPhoto_v10", "realisticStockPhoto_v20", "bluePencilXL_v050", "animaPencilXL_v500",
    "animagineXLV3_v30", "animagineXLV31_v31", "animagine-xl-3.0", "animagine-xl-3.1", "animagine-xl-4.0",
    "animagine-xl-4.0-opt", "ponyDiffusionV6XL", "ponyDiffusionV6XL_v6StartWithThisOne", "ponyRealism_v22MainVAE",
    "cyberrealisticPony_v85", "autismmixSDXL_autismmixPony", "autismmixSDXL_autismmixConfetti",
    "illustriousXL_v01", "Illustrious-XL-v0.1", "Illustrious-XL-v1.0", "Illustrious-XL-v2.0",
    "noobaiXLNAIXL_epsilonPred11Version", "noobaiXLNAIXL_vPred10Version", "NoobAI-XL-v1.1", "NoobAI-XL-Vpred-v1.0",
    "waiNSFWIllustrious_v140", "waiIllustriousSDXL_v140", "waiIllustriousSDXL_v150", "hassakuXLIllustrious_v22",
    "playground-v2.5-1024px-aesthetic.fp16", "zavychromaxl_v80", "leosamsHelloworldXL_helloworldXL70",
    "protovisionXLHighFidelity3D_releaseV660Bakedvae", "sdxlUnstableDiffusers_v8HeavensWrathVAE",
    # transformers
    "sd3_medium", "sd3_medium_incl_clips", "sd3_medium_incl_clips_t5xxlfp8", "sd3.5_medium", "sd3.5_large",
    "sd3.5_large_turbo", "sd3.5_large_fp8_scaled", "flux1-dev", "flux1-schnell", "flux1-dev-fp8",
    "flux1-schnell-fp8", "flux1-dev-bnb-nf4", "flux1-dev-bnb-nf4-v2", "flux1-dev-Q8_0", "flux1-dev-Q4_0",
    "flux1-dev-Q4_K_S", "flux1-schnell-Q8_0", "FLUX.1-dev", "FLUX.1-schnell", "flux1-dev-kontext_fp8_scaled",
    "flux1-krea-dev", "flux1-krea-dev_fp8_scaled", "flux1-fill-dev", "flux2_dev_fp8mixed", "qwen_image_fp8_e4m3fn",
    "qwen_image_edit_fp8_e4m3fn", "z_image_turbo_bf16", "hidream_i1_full_fp8", "hidream_i1_dev_fp8",
    "Chroma1-HD", "PixArt-Sigma-XL-2-1024-MS", "aura_flow_0.3", "wan2.1_t2v_14B_fp8_scaled",
    # models of Draw Things, under its names
    "sd_v1.4_f16", "sd_v1.5_f16", "sd_v2.1_f16", "sd_xl_base_1.0_f16", "sd_xl_refiner_1.0_f16",
    "sdxl_turbo_f16", "sd3_medium_f16", "flux_1_dev_q5p", "flux_1_dev_q8p", "flux_1_schnell_q5p",
    "flux_1_schnell_q8p", "flux_2_klein_q8p", "qwen_image_1.0_q6p", "z_image_turbo_1.0_q6p",
    # models of NovelAI, under its names
    "Stable Diffusion 1D44365E", "Stable Diffusion 81274D13", "Stable Diffusion F64BA557",
    "Stable Diffusion XL C1E1DE52", "Stable Diffusion XL 7BCCAA2C", "NovelAI Diffusion V4 37442FCA",
    "NovelAI Diffusion V4 7ABFFA2A",
)  # fmt: skip


# patterns of names: version 1, other versions among the names above, models distilled for few steps
_SD1_NAME: Final = re.compile(
    r"(?<![0-9a-z])(sd|stable[-_ ]diffusion)?[-_ ]?v?1[-_.][45](?![0-9])|sd_?15(?![0-9])", re.I
)
_OTHER_NAME: Final = re.compile(r"512-base|768-v|v2-1|diffusion-2|512-inpainting|wd-1-4-anime", re.I)
_OTHER_FAMILY: Final = re.compile(r"xl(?![a-z])|flux|sd_?3|illustrious|pony|noobai|qwen|z_image", re.I)
_DISTILLED_NAME: Final = re.compile(r"lcm|hyper|turbo|lightning", re.I)
_LAST_SD1: Final = "deliberateForInvoke_v08"
_SD1_HASHES: Final = {"sha256:6ce0161689", "sha256:cc6cb27103", "sha256:fe4efff1e1", "sha256:e1441589a6"}


def is_sd1(model: str) -> bool:
    """Return whether a model, by name or hash, is known to be an undistilled Stable Diffusion 1.x."""
    if model in _SD1_HASHES:
        return True
    if _DISTILLED_NAME.search(model) or _OTHER_NAME.search(model) or "xl" in model.lower():
        return False
    index = index_by_name().get(model)
    is_listed = index is not None and index <= index_by_name()[_LAST_SD1]
    return is_listed or bool(_SD1_NAME.search(model)) or model in ("sd_v1.4_f16", "sd_v1.5_f16")


def is_known_not_sd1(model: str) -> bool:
    """Return whether a model, by name, is known not to be Stable Diffusion 1.x."""
    index = index_by_name().get(model)
    is_other = index is not None and (index > index_by_name()[_LAST_SD1] or _OTHER_NAME.search(model) is not None)
    return is_other or bool(_OTHER_FAMILY.search(model))


@functools.cache
def index_by_name() -> Mapping[str, int]:
    """Return the index in `CHECKPOINTS` of each name."""
    return {name: index for index, name in enumerate(CHECKPOINTS)}


@functools.cache
def names_by_lowercase() -> Mapping[str, str]:
    """Return the spelling in `CHECKPOINTS` of each name in lowercase."""
    return {name.lower(): name for name in CHECKPOINTS}
