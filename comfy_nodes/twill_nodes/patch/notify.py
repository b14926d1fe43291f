# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Tells the user once: in the log, and as a toast in the page where there is a server."""

import logging

log = logging.getLogger("twill")


def toast(severity: str, summary: str, detail: str) -> None:
    """severity: info, warn or error. Nothing happens without a server, and nothing is raised."""
    try:
        from server import PromptServer

        server = PromptServer.instance
        server.send_sync("twill.toast", {"severity": severity, "summary": summary, "detail": detail}, server.client_id)
    except Exception as error:
        log.debug("no toast: %s", error)


def warn(summary: str, detail: str) -> None:
    log.warning("Twill: %s. %s", summary, detail)
    toast("warn", f"Twill: {summary}", detail)


def tell(summary: str, detail: str) -> None:
    log.info("Twill: %s. %s", summary, detail)
