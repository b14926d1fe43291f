# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Which of the package's plans is for a pipeline's model, as the nodes of ComfyUI choose."""

from dataclasses import dataclass, replace
from typing import Any

from twill_vdit.diffusers.networks import Network
from twill_vdit.errors import Error
from twill_vdit.families import Family, Traits, why_not
from twill_vdit.plan import Plan
from twill_vdit.plan_io import read_plan
from twill_vdit.shipped import preset_files


@dataclass(frozen=True)
class Named:
    """A plan, and what the user knows it as."""

    plan: Plan
    name: str


def name_of_weights(pipeline: Any, transformer: Any) -> str:
    """Where they were loaded from, a repository or a folder; empty when it is not known."""
    names = (getattr(getattr(part, "config", None), "_name_or_path", "") for part in (pipeline, transformer))
    return next((str(name) for name in names if name), "")


def traits_of(network: Network, transformer: Any, experts: int) -> Traits:
    """What tells the models of a family apart. experts: transformers of the pipeline."""
    traits = network.traits(transformer.config)
    if experts == 2 and not traits.kind and traits.channels_in is not None:
        # Only Wan 2.2's big models have two, and only their shapes are those of Wan 2.1.
        return replace(traits, kind="wan2.2-i2v" if traits.channels_in == 36 else "wan2.2-t2v")
    return traits


def preset_for(network: Network, transformer: Any, experts: int, weights: str) -> Named:
    """The preset of a model: the likeliest kind of model comes first, then the name.

    Args:
        network: of the transformer.
        transformer: of the pipeline.
        experts: transformers of the pipeline.
        weights: as name_of_weights has it.

    Raises:
        Error: there is none.
    """
    family: Family = network.facts(transformer.config)
    shape = network.shape(transformer)
    traits = traits_of(network, transformer, experts)
    found: list[tuple[int, int, Named]] = []
    relatives: list[str] = []
    for number, file in enumerate(preset_files()):
        named = Named(read_plan(file), f"{file.parent.name}/{file.stem}")
        if why_not(named.plan, family, shape, named.name):
            continue
        rank = family.rank(named.plan.model.family, traits, weights)
        if rank is None:
            relatives.append(named.name)
        else:
            found.append((rank, number, named))
    if not found:
        kind = family.models(traits, weights)[0]
        others = f"; of the same shape, for another model: {', '.join(relatives)}" if relatives else ""
        raise Error(f"the package has no plan for {kind} of {shape}{others}", "model")
    return min(found, key=lambda each: each[:2])[2]
