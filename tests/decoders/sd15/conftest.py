"""Shared by the tests of Stable Diffusion: tiny networks that are converted and loaded once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from codec.decoders.diffusion import model_cache, network_files
from codec.decoders.diffusion.model_cache import MODEL_CACHE
from codec.decoders.sd15 import networks
from codec.decoders.sd15.options import Options
from codec.decoders.sd15.pipeline import StableDiffusion
from codec.models.torchvision_compat import ensure_torchvision
from tests import tiny

LOADERS = [(module, name) for module in (networks, network_files) for name in vars(module) if name.startswith("load_")]


@pytest.fixture(scope="session")
def conversion_dir(tmp_path_factory) -> Path:
    """The cache of converted pickles."""
    return tmp_path_factory.mktemp("converted")


@pytest.fixture(scope="module", autouse=True)
def environment(conversion_dir):
    """Importable diffusers, one thread, a separate cache, and no models except those that a test names."""
    ensure_torchvision()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRILAYER_CACHE", str(conversion_dir))
        patch.delenv("TRILAYER_MODELS", raising=False)
        yield
    MODEL_CACHE.clear()
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def loaded_networks() -> dict[Any, Any]:
    return {}


@pytest.fixture(scope="module")
def shared_networks(loaded_networks):
    """Load each network once per session, and collect no garbage when another takes its slot."""

    def share(load: Callable[..., Any]) -> Callable[..., Any]:
        def load_once(*arguments: Any) -> Any:
            key = (load.__name__, *arguments)
            if key not in loaded_networks:
                loaded_networks[key] = load(*arguments)
            return loaded_networks[key]

        return load_once

    with pytest.MonkeyPatch.context() as patch:
        for module, name in LOADERS:
            patch.setattr(module, name, share(getattr(module, name)))
        patch.setattr(model_cache, "free_memory", lambda: None)
        yield


@pytest.fixture(scope="session")
def make_options() -> Callable[..., Options]:
    """Return a function that makes options for the tiny models: one step of PNDM at 64 x 64 pixels, or as given."""

    def make(**options: Any) -> Options:
        defaults = {"models": tiny.models_dir(), "size": 64, "steps": 1, "device": "cpu"}
        if "preset" not in options:
            defaults["scheduler"] = "pndm"
        return Options(**{**defaults, **options})

    return make


@pytest.fixture(scope="session")
def make_decoder(make_options) -> Callable[..., StableDiffusion]:
    """Return a function that makes a decoder with such options."""
    return lambda **options: StableDiffusion(make_options(**options))


@pytest.fixture(scope="session")
def difference() -> Callable[[np.ndarray, np.ndarray], float]:
    """Return a function: the mean absolute difference of two uint8 pictures."""
    return lambda a, b: float(np.abs(a.astype(int) - b.astype(int)).mean())
