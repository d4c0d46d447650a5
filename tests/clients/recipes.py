"""What docs/clients.md says is run here is run here: each block under such a heading as it stands, but for the address, the token and the ARN."""
import os
import pathlib
import re
import subprocess
import sys

import pytest

from client import need, need_node, need_program
from gateway import Gateway, programs

TEXT = (pathlib.Path(__file__).parents[2] / "docs/clients.md").read_text()
MODULES = {"node-vault": "node_vault", "@aws-sdk/client-kms": "kms_js", "@aws-crypto/client-node": "encryption_sdk", "jose": "jose_js"}
SEALED = r"{.*\"ciphertext\":\"vault:v1:[A-Za-z0-9+/=]+\".*}"
BLOB = r"{\"CiphertextBlob\":\"[A-Za-z0-9+/=]+\",\"KeyId\":\"arn:aws:kms:us-east-1:\d{12}:key/[0-9a-f-]{36}\".*}"
SAID = {"Python: hvac": ["c2VjcmV0"], "Python: boto3": ["secret"], "Node: node-vault": ["c2VjcmV0"], "Node: @aws-sdk/client-kms": ["secret"],
        "Node: the AWS Encryption SDK": ["secret 7"], "Node: jose, for JWTs of a key in the token": ["order 7"],
        "The aws command": [r"granted orders-dek\nsecret"], "curl": [SEALED, BLOB]}


def recipes():
    """(heading, number, language, text) of each block."""
    for part in re.split(r"^#+ ", TEXT, flags=re.M):
        title, _, rest = part.partition("\n")
        if title.endswith(" (run here)"):
            blocks = re.findall(r"^```(\w*)\n(.*?)^```$", rest, flags=re.M | re.S)
            yield from ((title.removesuffix(" (run here)"), number, *block) for number, block in enumerate(blocks))


RECIPES = list(recipes())
NODES = {package: need_node(name, package) for package, name in MODULES.items()}
for client in ("boto3", "hvac"):
    need(client)
for program in ("aws", "curl"):
    need_program(program)


@pytest.fixture(scope="module")
def gateway():
    with Gateway() as running:
        for name, algorithm in (("transit/card-dek", "aes-256-gcm"), ("payments/prod/card-dek", "aes-256-gcm"), ("shop/prod/orders-jwt", "ecdsa-p256")):
            running.key(name, algorithm)
        yield running


def command(language, text, folder):
    """How it is run in this folder, and what the environment must have for it."""
    if language == "js":
        package = re.search(r'from "([^"]+)";', text).group(1)
        node, environment = NODES[package]
        (folder / "node_modules").symlink_to(environment["NODE_PATH"])
        (folder / "recipe.mjs").write_text(text)
        return [node, "recipe.mjs"], {"PATH": environment["PATH"], "NODE_NO_WARNINGS": "1"}
    if language == "python":
        return [sys.executable, "-c", text], {"PATH": os.environ["PATH"]}
    assert language == "sh"
    return ["/bin/bash", "-euo", "pipefail", "-c", text], {"PATH": f"{programs()}:/usr/bin:/bin"}


def test_each_heading_has_its_blocks():
    assert {title: sum(1 for recipe in RECIPES if recipe[0] == title) for title, *_ in RECIPES} == {title: len(said) for title, said in SAID.items()}
    assert TEXT.count("(run here)") == len(SAID)


@pytest.mark.parametrize("title,number,language,text", RECIPES, ids=[f"{title} {number}" for title, number, *_ in RECIPES])
def test_recipe(gateway, tmp_path, title, number, language, text):
    arn = f"arn:aws:kms:us-east-1:000000000000:key/{gateway.do('GET', '/v1/keys/payments/prod/card-dek')['id']}"
    text = re.sub(r"https://hsmgate\.example\.com|http://127\.0\.0\.1:8200", gateway.address, text).replace("hg_…", gateway.token)
    text = re.sub(r"arn:aws:kms:[a-z0-9-]+:\d{12}:key/[0-9a-f-]{36}", arn, text)
    arguments, environment = command(language, text, tmp_path)
    environment = {"HOME": str(tmp_path), "AWS_CONFIG_FILE": os.devnull, "AWS_PAGER": "", "LANG": "C.UTF-8", **environment, **gateway.env}
    if title == "The aws command":
        environment = {name: value for name, value in environment.items() if not name.startswith("AWS_") or name in ("AWS_PAGER", "AWS_CONFIG_FILE")}
    before = len(gateway.records())
    done = subprocess.run(arguments, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(SAID[title][number], done.stdout.strip(), flags=re.S), done.stdout
    made = gateway.records()[before:]
    assert made and all(record["outcome"] == "ok" for record in made)
