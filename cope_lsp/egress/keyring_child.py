"""The process that talks to the system's keyring: one question on standard input, one answer, the end."""

import json
from typing import Any

from cope_lsp.egress import offline
from cope_lsp.stdio import claim_stdio

SERVICE = "cope-lsp"


def main() -> None:
    """Answer the question. Of an exception only the name is told: its text may quote the key."""
    question_in, answer_out = claim_stdio()
    question = json.loads(question_in.read())
    if question["offline"]:
        offline.switch(on=True)
    try:
        answer = _answer(question["action"], question["endpoint"], question["secret"])
    except Exception as error:  # noqa: BLE001 - keyrings raise what they like; this is their border
        answer = {"error": type(error).__name__}
    answer_out.write(json.dumps(answer).encode())
    answer_out.flush()


def _answer(action: str, endpoint: str, secret: str) -> dict[str, Any]:
    # Imported late: it loads what the user's settings name, after the streams are safe.
    import keyring  # noqa: PLC0415

    if action == "put":
        keyring.set_password(SERVICE, endpoint, secret)
        kept = keyring.get_password(SERVICE, endpoint) == secret
        return {} if kept else {"error": "NotKept"}
    if action == "drop":
        if keyring.get_password(SERVICE, endpoint) is not None:
            keyring.delete_password(SERVICE, endpoint)
        return {}
    return {"secret": keyring.get_password(SERVICE, endpoint)}


if __name__ == "__main__":
    main()
