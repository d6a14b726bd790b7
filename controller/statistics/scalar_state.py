"""Named numbers of an object as one array, and back: state that is stored without pickle."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def scalars_of(owner: object, names: tuple[str, ...]) -> NDArray[np.float64]:
    """These attributes in this order, int or float."""
    return np.array([getattr(owner, name) for name in names], dtype=np.float64)


def set_scalars(owner: object, names: tuple[str, ...], values: NDArray[Any]) -> None:
    """Set them again, each as the type it has now. Raise ValueError on another number of them."""
    if values.shape != (len(names),):
        raise ValueError(f"{values.size} numbers where {len(names)} belong")
    for name, value in zip(names, values.tolist(), strict=True):
        setattr(owner, name, type(getattr(owner, name))(value))
