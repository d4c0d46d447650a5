"use strict";
// What users of node-vault write, step by step; prints what came of each as one JSON object. The client finds VAULT_ADDR and VAULT_TOKEN by itself;
// NOBODY is a token without a grant.
const crypto = require("node:crypto");
const nodeVault = require("node-vault");

const vault = nodeVault();
const said = { node: process.version };
const message = "to be signed";
const b64 = (bytes) => Buffer.from(bytes).toString("base64");

// The value, or what the client's error says.
async function step(name, act) {
    try {
        said[name] = { value: await act() };
    } catch (error) {
        said[name] = { refused: error.response?.statusCode ?? null, message: error.message, errors: error.response?.body?.errors ?? null };
    }
    return said[name].value;
}

const data = async (path, body) => (await vault.write(`transit/${path}`, body)).data;

async function system() {
    await step("health", () => vault.health());
    await step("health with a query", () => vault.health({ standbyok: true, sealedcode: 299 }));
    await step("status", () => vault.status());
    await step("initialized", () => vault.initialized());
    await step("mounts", () => vault.mounts());
    await step("lookup", () => vault.tokenLookupSelf());
    await step("renew", () => vault.tokenRenewSelf({ increment: 3600 }));
    await step("token after renewal", () => vault.token === process.env.VAULT_TOKEN);
    await step("random", () => data("random/24", {}));
    await step("hash", () => data("hash/sha2-512", { input: b64(message) }));
}

async function keys() {
    for (const type of ["aes256-gcm96", "hmac", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048"]) {
        await step(`made ${type}`, () => data(`keys/${type}`, { type }));
        await step(`read ${type}`, async () => (await vault.read(`transit/keys/${type}`)).data);
    }
    await step("made again", async () => (await vault.write("transit/keys/hmac", { type: "hmac" })).warnings);
    await step("made by command", () => vault.transitCreateKey({ name: "gone", type: "ed25519" }));
    await step("read by command", () => vault.transitReadKey({ name: "gone" }));
    await step("deleted too early", () => vault.transitDeleteKey({ name: "gone" }));
    await step("configured", () => data("keys/gone/config", { deletion_allowed: true }));
    await step("listed", async () => (await vault.list("transit/keys")).data.keys);
    await step("deleted", () => vault.delete("transit/keys/gone"));
    await step("listed by command", async () => (await vault.transitListKeys()).data.keys);
    await step("listed with a parameter", async () => (await nodeVault({ noCustomHTTPVerbs: true }).list("transit/keys")).data.keys);
}

async function ciphertexts() {
    const plaintext = b64("secret");
    const sealed = await step("sealed", () => data("encrypt/aes256-gcm96", { plaintext }));
    await step("opened", () => data("decrypt/aes256-gcm96", { ciphertext: sealed.ciphertext }));
    const bound = await step("sealed with data", () => data("encrypt/aes256-gcm96", { plaintext, associated_data: b64("row 7") }));
    await step("opened with data", () => data("decrypt/aes256-gcm96", { ciphertext: bound.ciphertext, associated_data: b64("row 7") }));
    await step("opened with other data", () => data("decrypt/aes256-gcm96", { ciphertext: bound.ciphertext, associated_data: b64("row 8") }));
    const plaintexts = ["a", "b", ""].map((text) => ({ plaintext: b64(text), reference: `of ${text}` }));
    const many = await step("sealed many", () => data("encrypt/aes256-gcm96", { batch_input: plaintexts }));
    const batch = many.batch_results.map(({ ciphertext }) => ({ ciphertext }));
    await step("opened many", () => data("decrypt/aes256-gcm96", { batch_input: batch }));
    batch[1].ciphertext = "vault:v1:AAAA";
    await step("a bad one", () => data("decrypt/aes256-gcm96", { batch_input: batch }));
    await step("opened some", () => data("decrypt/aes256-gcm96", { batch_input: batch, partial_failure_response_code: 200 }));
    const made = await step("data key", () => data("datakey/plaintext/aes256-gcm96", { bits: 512 }));
    await step("data key opened", () => data("decrypt/aes256-gcm96", { ciphertext: made.ciphertext }));
    await step("data key wrapped", () => data("datakey/wrapped/aes256-gcm96"));
    await step("rotated", () => data("keys/aes256-gcm96/rotate"));
    const moved = await step("rewrapped", () => vault.rewrapData({ name: "aes256-gcm96", ciphertext: sealed.ciphertext }));
    await step("opened by command", () => vault.decryptData({ name: "aes256-gcm96", ciphertext: moved.data.ciphertext }));
    await step("sealed by command", () => vault.encryptData({ name: "aes256-gcm96", plaintext }));
}

async function signatures() {
    const asked = [["ed25519", {}]];
    for (const hash of ["sha2-256", "sha2-384", "sha2-512"]) {
        for (const curve of ["p256", "p384", "p521"]) {
            asked.push(...["asn1", "jws"].map((form) => [`ecdsa-${curve}`, { hash_algorithm: hash, marshaling_algorithm: form }]));
        }
        asked.push(...["pss", "pkcs1v15"].map((padding) => ["rsa-2048", { hash_algorithm: hash, signature_algorithm: padding }]));
    }
    said.signatures = [];
    for (const [key, options] of asked) {
        const input = b64(message);
        const { signature } = await data(`sign/${key}`, { input, ...options });
        const valid = [];
        for (const checked of [input, b64("something else")]) {
            valid.push((await data(`verify/${key}`, { input: checked, signature, ...options })).valid);
        }
        said.signatures.push({ key, options, signature, valid });
    }
    const digest = crypto.createHash("sha256").update(message).digest("base64");
    await step("signed a digest", () => data("sign/ecdsa-p256/sha2-256", { input: digest, prehashed: true }));
    const mac = await step("mac", () => data("hmac/hmac", { input: b64(message) }));
    await step("mac checked", () => data("verify/hmac", { input: b64(message), hmac: mac.hmac }));
    await step("wrong mac checked", () => data("verify/hmac", { input: b64("something else"), hmac: mac.hmac }));
}

async function refusals() {
    const wrong = nodeVault({ token: "hg_nobody" });
    const nobody = nodeVault({ token: process.env.NOBODY });
    const anonymous = nodeVault();
    anonymous.token = undefined;
    for (const [who, client] of Object.entries({ wrong, nobody, anonymous })) {
        await step(`${who} reads`, () => client.read("transit/keys/aes256-gcm96"));
        await step(`${who} reads what is not there`, () => client.read("transit/keys/none"));
        await step(`${who} encrypts`, () => client.write("transit/encrypt/aes256-gcm96", { plaintext: "" }));
        await step(`${who} makes a key`, () => client.write("transit/keys/mine", {}));
        await step(`${who} lists`, () => client.list("transit/keys"));
        await step(`${who} looks itself up`, () => client.tokenLookupSelf());
        await step(`${who} asks for health`, () => client.health());
    }
    await step("no such key to read", () => vault.read("transit/keys/none"));
    await step("no such key to use", () => vault.write("transit/encrypt/none", { plaintext: "" }));
    await step("no such path", () => vault.read("transit/nothing/at/all"));
    await step("no such mount", () => nodeVault({ namespace: "team" }).read("elsewhere/keys/aes256-gcm96"));
    await step("bad ciphertext", () => vault.write("transit/decrypt/aes256-gcm96", { ciphertext: "vault:v1:AAAA" }));
    await step("no ciphertext", () => vault.write("transit/decrypt/aes256-gcm96", { ciphertext: "hello" }));
    await step("no base64", () => vault.write("transit/encrypt/aes256-gcm96", { plaintext: "?" }));
    await step("wrong key", () => vault.write("transit/sign/aes256-gcm96", { input: "" }));
    await step("exportable key", () => vault.write("transit/keys/leaks", { exportable: true }));
    await step("export", () => vault.read("transit/export/encryption-key/aes256-gcm96"));
    await step("wrapped answer", () => vault.read("transit/keys/aes256-gcm96", { headers: { "X-Vault-Wrap-TTL": "60" } }));
    await step("patch", () => vault.update("transit/keys/aes256-gcm96", {}));
    await step("too late", () => vault.write("transit/encrypt/gone", { plaintext: "" }));
}

(async () => {
    for (const part of [system, keys, ciphertexts, signatures, refusals]) {
        await part();
    }
    console.log(JSON.stringify(said));
})();
