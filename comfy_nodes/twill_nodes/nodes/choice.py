# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""From the inputs of a node to a patched model; what fails is told and the model goes on dense."""

from .. import plan_store, wheel
from ..patch import notify
from ..settings import Settings
from .sockets import NONE


def choose(model, plan: str, sparse_plan) -> tuple[plan_store.LoadedPlan | None, str]:
    """(plan, "") or (None, why not). No plan and no reason: none was wanted."""
    if sparse_plan is not None:
        return sparse_plan, ""
    if plan == NONE:
        return None, ""
    if wheel.why_missing():
        return None, wheel.why_missing()
    if plan != plan_store.AUTO:
        try:
            return plan_store.load(plan), ""
        except (FileNotFoundError, wheel.package().Error) as error:
            return None, str(error)
    from ..layouts import family_of
    from ..patch.apply import network_of

    network = network_of(model)
    family = family_of(network)
    if family is None:
        return None, f"Twill knows no token layout of {type(network).__name__}"
    found = plan_store.match(family, network, plan_store.file_name_of(model))
    if found.loaded is None:
        more = f" Plans that could not be read: {'; '.join(found.damaged)}." if found.damaged else ""
        if found.relatives:
            relatives = ", ".join(found.relatives)
            more += f" Of equal shape, but for another model, are: {relatives}; they can be chosen by name."
        return None, (
            f"no plan fits this {family.name} model ({family.shape(network)}). Search Plan makes one; "
            f"plans go into models/{plan_store.FOLDER}.{more}"
        )
    return found.loaded, ""


def patched_model(model, plan: str, sparse_plan, settings: Settings):
    """The model with the plan, or the model itself when there is none, with a warning when one was wanted."""
    loaded, why = choose(model, plan, sparse_plan)
    if loaded is None:
        if why:
            notify.warn("the model stays dense", why)
        return model
    from ..patch.apply import apply_plan

    patched, why = apply_plan(model, loaded, settings)
    if why:
        notify.warn("the model stays dense", why)
    return patched


def stamp(plan: str) -> str:
    """Changes when the file of the plan does; for Auto when any plan file does."""
    names = plan_store.names() if plan == plan_store.AUTO else [plan]
    stamps = []
    for name in names:
        try:
            stamps.append((name, plan_store.stamp_of(plan_store.file_of(name))))
        except OSError:
            continue
    return repr(stamps)
