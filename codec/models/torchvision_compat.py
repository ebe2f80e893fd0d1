"""Make torchvision importable where its compiled operators do not match the installed torch.

The wheels on PyPI are CUDA builds. With a CPU build of torch, `import torchvision` raises "operator
torchvision::nms does not exist", and transformers, diffusers and controlnet_aux cannot be imported
either. They need only torchvision's pure-Python transforms, so declaring the missing operators is
enough. Declaring them next to a working torchvision would abort the process, so they are declared only if the import
fails with exactly that error.
"""

from __future__ import annotations

import sys
import threading
from typing import Any, Final, Literal

from codec.errors import ModelMissing

State = Literal["native", "shimmed", "absent"]

_SCHEMAS: Final = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_lock = threading.Lock()
_libraries: list[Any] = []  # a torch Library must stay referenced, or its operators disappear


def ensure_torchvision() -> State:
    """Make torchvision importable; call this before importing transformers, diffusers or controlnet_aux.

    Returns "native" if torchvision works by itself; "shimmed" if its transforms work and its compiled
    operators raise torchvision's own error; "absent" if it is not installed, in which case
    transformers and diffusers work, but not controlnet_aux. The result is cached. Can be called from any thread.

    Raises ModelMissing if torchvision is broken in another way.
    """
    with _lock:
        if _libraries:
            return "shimmed"
        try:
            import torchvision  # noqa: F401

            return "native"
        except ModuleNotFoundError as error:
            if error.name == "torchvision":
                return "absent"
            raise _import_error(error) from None
        except (ImportError, OSError, RuntimeError) as error:
            if "torchvision::nms does not exist" not in str(error):
                raise _import_error(error) from None
        return _declare_operators()


def _declare_operators() -> State:
    import torch

    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]  # left over from the failed import
    make_library: Any = torch.library.Library  # untyped in torch
    library = make_library("torchvision", "FRAGMENT")
    for schema in _SCHEMAS:
        if not hasattr(torch.ops.torchvision, schema.split("(")[0]):
            library.define(schema)
    try:
        import torchvision  # noqa: F401
    except (ImportError, OSError, RuntimeError) as error:
        raise _import_error(error) from None
    _libraries.append(library)
    return "shimmed"


def _import_error(error: Exception) -> ModelMissing:
    reason = " ".join(str(error).split())[:200]
    return ModelMissing(f"torchvision cannot be imported ({reason}): install the build that matches your torch")
