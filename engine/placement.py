"""Which device holds which layer. Knows sizes and devices, nothing of what layers do.

``accelerate`` says how much memory each device has; layers fill the devices in order, and what is
left over stays in the CPU's memory and is computed there.
"""

from dataclasses import dataclass

import torch

from engine.config import ModelConfig
from engine.errors import UnsupportedModel

CPU = torch.device("cpu")
# Left free on each accelerator for what is computed there.
_RESERVE = 1 << 30


@dataclass(frozen=True)
class Placement:
    """``layers`` maps a layer's number to its device; ``ends`` holds embedding and output head."""

    layers: dict[int, torch.device]
    ends: torch.device

    @property
    def only_cpu(self) -> bool:
        """Whether no accelerator takes part."""
        return self.ends == CPU and all(device == CPU for device in self.layers.values())

    def dtype(self, device: torch.device) -> torch.dtype:
        """Hidden states are fp32 on the CPU, where the kernels want it, and bf16 elsewhere."""
        return torch.float32 if device.type == "cpu" else torch.bfloat16


def place(
    config: ModelConfig,
    layer_bytes: list[int],
    end_bytes: int,
    device: str = "auto",
    memory: dict[int | str, int] | None = None,
) -> Placement:
    """Fills the accelerators in order, the ends first, then layer after layer.

    layer_bytes: weights and cache of each layer. device: "auto", "cpu", or one device's name.
    memory: bytes a device, as ``accelerate.utils.get_max_memory`` gives them (asked if None).
    Raises UnsupportedModel if a device was named that is not there.
    """
    everything = range(len(config.layers))
    if device == "cpu" or (device == "auto" and memory is None and not torch.cuda.is_available()):
        return Placement(dict.fromkeys(everything, CPU), CPU)
    if device != "auto":
        named = torch.device(device)
        if named.type != "cuda" or not torch.cuda.is_available():
            raise UnsupportedModel(
                device, "There is no such device on this machine.", "Use cpu or auto."
            )
        memory = {named.index or 0: torch.cuda.mem_get_info(named)[0]}
    if memory is None:
        from accelerate.utils import get_max_memory

        memory = get_max_memory()
    free = {
        torch.device("cuda", number): size - _RESERVE
        for number, size in memory.items()
        if isinstance(number, int)
    }
    devices = list(free)
    ends = CPU
    if devices and free[devices[0]] >= end_bytes:
        ends = devices[0]
        free[ends] -= end_bytes
    layers: dict[int, torch.device] = {}
    for index, size in enumerate(layer_bytes):
        while devices and free[devices[0]] < size:
            devices.pop(0)
        layers[index] = devices[0] if devices else CPU
        if devices:
            free[devices[0]] -= size
    return Placement(layers, ends)
