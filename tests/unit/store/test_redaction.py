"""What looks like a secret among a script's arguments, and what does not."""

import base64
import random
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuitrain.store import REDACTED, is_redacted, redact

HEX = "0123456789abcdef"
"""Made up, as all tokens here are."""


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--token", "x", "--lr", "0.1"], ["--token", REDACTED, "--lr", "0.1"]),
        (["--token=x"], [f"--token={REDACTED}"]),
        (["--api-key", "12ab"], ["--api-key", REDACTED]),
        (["--apiKey", "q"], ["--apiKey", REDACTED]),
        (["--hftoken", "q"], ["--hftoken", REDACTED]),
        (["--secret-name", "q"], ["--secret-name", REDACTED]),
        (["--password", "1234"], ["--password", REDACTED]),
        (["--passwd=a b"], [f"--passwd={REDACTED}"]),
        (["--credential", "q"], ["--credential", REDACTED]),
        (["--auth", "q"], ["--auth", REDACTED]),
        (["HF_TOKEN=q"], [f"HF_TOKEN={REDACTED}"]),
        (["wandb.api_key=q"], [f"wandb.api_key={REDACTED}"]),
        (["https://me:pass@host/a"], [f"https://{REDACTED}@host/a"]),
        (["postgres://me:p@ss@host/a"], [f"postgres://{REDACTED}@host/a"]),
        (["url=https://h/?a=1&token=q"], [f"url=https://h/?a=1&token={REDACTED}"]),
        (['{"token": "q", "lr": 1}'], [f'{{"token": "{REDACTED}", "lr": 1}}']),
        (["Authorization: Bearer q"], [f"Authorization: Bearer {REDACTED}"]),
        (["--to", "hf_" + "Ab1" * 8], ["--to", REDACTED]),
        (["--to", "sk-proj-" + "Ab1" * 8], ["--to", REDACTED]),
        (["--to", "ghp_" + "Ab1" * 8], ["--to", REDACTED]),
        (["--to", "AKIA" + "ABC1" * 4], ["--to", REDACTED]),
        (["--to", HEX * 2 + HEX[:8]], ["--to", REDACTED]),
        (["--to=" + HEX * 2 + HEX[:8]], [f"--to={REDACTED}"]),
    ],
)
def test_secrets_are_redacted_and_nothing_else(arguments, shown):
    assert list(redact(arguments)) == shown
    assert is_redacted(redact(arguments))


@pytest.mark.parametrize(
    "arguments",
    [
        [
            "--max-tokens",
            "512",
            "--num-tokens=1024",
            "--tokenizer",
            "bert-base-uncased",
        ],
        ["--token-dropout", "0.1", "--key-dim", "64", "--key", "3", "--pass", "2"],
        ["--label-key", "caption", "--image-key", "jpg", "--num-keys", "8"],
        ["--use-auth", "--lr", "1e-3"],
        ["--name", "resnet50-imagenet21k-res224-bs256-lr1e3-wd1e4"],
        ["--name", "Llama3InstructFinetunedModel20240501"],
        ["--data", "/data/home/user1/Experiments2024/Run12/out", "https://host/a?b=c"],
        ["--device", "GPU-0a1b2c3d-1111-2222-3333-444455556666", "user@host"],
        ["--save-password=false", ""],
    ],
)
def test_what_scripts_are_usually_given_is_kept(arguments):
    assert list(redact(arguments)) == arguments


def test_random_strings_are_nearly_always_known_by_their_shape():
    dice = random.Random(1)
    made = {
        "hex": [dice.randbytes(16).hex() for _ in range(500)],
        "url": [
            base64.urlsafe_b64encode(dice.randbytes(32)).decode().rstrip("=")
            for _ in range(500)
        ],
    }
    missed = {
        kind: sum(not is_redacted(redact([text])) for text in texts) / len(texts)
        for kind, texts in made.items()
    }
    assert missed["hex"] == 0
    assert missed["url"] < 0.1


@given(
    st.lists(
        st.one_of(
            st.text(),
            st.sampled_from(["--token", "--key=a", "a:b@c", "://x@", "k: t", REDACTED]),
            st.builds(lambda _: secrets.token_urlsafe(24), st.integers()),
        )
    )
)
def test_what_was_redacted_is_not_changed_again(arguments):
    once = redact(arguments)
    assert redact(once) == once
    assert len(once) == len(arguments)
