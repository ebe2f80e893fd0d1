"""Lets torchvision be imported where its compiled part does not fit the torch beside it.

The wheels of the package index are CUDA builds. Beside a CPU torch `import torchvision` ends with
"operator torchvision::nms does not exist", and with it the import of transformers, diffusers and
controlnet_aux. All they want of it are transforms in plain Python, for which it is enough that the
missing operators are declared. Beside a torchvision that works, declaring them would abort the
process: so it is tried first, and nothing is touched unless it fails in just that way.
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
_declared: list[Any] = []  # a torch Library forgets its operators when it is collected


def ensure_torchvision() -> State:
    """Call this before anything imports transformers, diffusers or controlnet_aux; again is free.

    "native": torchvision works by itself. "shimmed": its transforms work, its compiled operators
    raise torchvision's own error. "absent": not installed; transformers and diffusers do without,
    controlnet_aux does not.
    Raises ModelMissing if it is installed and broken in another way.
    """
    with _lock:
        if _declared:
            return "shimmed"
        try:
            import torchvision  # noqa: F401

            return "native"
        except ModuleNotFoundError as error:
            if error.name == "torchvision":
                return "absent"
            raise _broken(error) from None
        except (ImportError, OSError, RuntimeError) as error:
            if "torchvision::nms does not exist" not in str(error):
                raise _broken(error) from None
        return _declare()


def _declare() -> State:
    import torch

    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]  # what the failed import left
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _SCHEMAS:
        if not hasattr(torch.ops.torchvision, schema.split("(")[0]):
            library.define(schema)
    try:
        import torchvision  # noqa: F401
    except (ImportError, OSError, RuntimeError) as error:
        raise _broken(error) from None
    _declared.append(library)
    return "shimmed"


def _broken(error: Exception) -> ModelMissing:
    reason = " ".join(str(error).split())[:200]
    return ModelMissing(f"torchvision cannot be imported ({reason}): install the build that matches your torch")
