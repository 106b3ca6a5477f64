"""Which pre-trained weights there are, where each comes from, and how its file becomes tensors.

A recipe states everything that decides the numbers: sources with their digests, the conversion, and the shape of
every tensor that comes out. Tensors are named and laid out as torch has them, in float32: convolutions
(out, in / groups, height, width), dense layers (out, in). One file here for each family of networks.
"""

from __future__ import annotations

from earmark.weights.recipes.kumar import KUMAR
from earmark.weights.recipes.l3 import EDGEL3, OPENL3
from earmark.weights.recipes.panns import CNN14
from earmark.weights.recipes.recipe import Recipe, Shapes, Tensors, WeightsFile
from earmark.weights.recipes.soundnet import SOUNDNET
from earmark.weights.recipes.vggish import PCA, VGGISH
from earmark.weights.recipes.yamnet import YAMNET_FLOAT, YAMNET_W8A8, fold_yamnet

__all__ = ["RECIPES", "Recipe", "Shapes", "Tensors", "WeightsFile", "fold_yamnet"]

_ALL = (*OPENL3, EDGEL3, VGGISH, PCA, KUMAR, SOUNDNET, YAMNET_W8A8, YAMNET_FLOAT, CNN14)

RECIPES: dict[str, Recipe] = {recipe.id: recipe for recipe in _ALL}
"""Every recipe by its id."""
