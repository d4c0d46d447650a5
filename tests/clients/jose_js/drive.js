"use strict";
// What services write that sign JWTs with the gateway and verify them with jose, step by step; prints what came of each as one JSON object.
// SEALED is a list of what people opened with a break-glass request, with the key that each was sealed to.
const jose = require("jose");

const { HSMGATE_ADDR: address, HSMGATE_TOKEN: token, SEALED } = process.env;
const said = { node: process.version };
const audience = "https://api.example", subject = "order 7";
const schemes = { "ecdsa-p256": "ES256", "ecdsa-p384": "ES384", "ecdsa-p521": "ES512", ed25519: "EdDSA", "rsa-2048": "RS256" };

async function step(name, act) {
    try {
        said[name] = { value: await act() };
    } catch (error) {
        said[name] = { refused: error.code ?? error.name, message: error.message, claim: error.claim };
    }
    return said[name].value;
}

async function ask(path, body) {
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
    const answer = await fetch(address + path, { headers, method: body ? "POST" : "GET", body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) {
        throw Object.assign(new Error(text), { code: answer.status });
    }
    return answer.headers.get("content-type").includes("json") ? JSON.parse(text) : text;
}

const create = (name, algorithm, more) => ask("/v1/keys", { name, algorithm, owner: "tests", ...more });
const sign = async (name, more) => (await ask(`/v1/keys/${name}:jwt`, { claims: { sub: subject, aud: audience }, ttl: "5m", ...more })).token;
const keySet = (path, options) => jose.createRemoteJWKSet(new URL(`${address}/jwks/${path}`), options);

async function verified(text, set, options) {
    const expected = { audience, subject, issuer: `${address}/oidc/shop`, typ: "JWT", maxTokenAge: "5m", ...options };
    const { payload, protectedHeader } = await jose.jwtVerify(text, set, expected);
    return { payload, header: protectedHeader };
}

// The same text with one bit of a part changed; 0 is the header.
function flipped(text, part) {
    const parts = text.split(".").map((one) => Buffer.from(one, "base64url"));
    parts[part][parts[part].length >> 1] ^= 1;
    return parts.map((one) => one.toString("base64url")).join(".");
}

async function tokens() {
    for (const algorithm of Object.keys(schemes)) {
        await create(`shop/${algorithm}`, algorithm);
    }
    for (const [algorithm, scheme] of Object.entries(schemes)) {
        const made = await step(`signed ${scheme}`, () => sign(`shop/${algorithm}`));
        await step(`verified ${scheme}`, () => verified(made, keySet("shop/"), { algorithms: [scheme] }));
        await step(`verified ${scheme} by its own set`, () => verified(made, keySet(`shop/${algorithm}`)));
        await step(`verified ${scheme} by another key's set`, () => verified(made, keySet(`shop/${scheme === "ES256" ? "rsa-2048" : "ecdsa-p256"}`)));
        for (const part of [1, 2]) {
            await step(`verified ${scheme} with another part ${part}`, () => verified(flipped(made, part), keySet("shop/")));
        }
    }
    for (const scheme of ["RS384", "RS512", "PS256", "PS384", "PS512"]) {
        const made = await step(`signed ${scheme}`, () => sign("shop/rsa-2048", { scheme }));
        await step(`verified ${scheme}`, () => verified(made, keySet("shop/"), { algorithms: [scheme] }));
    }
    const made = said["signed ES256"].value, set = keySet("shop/");
    await step("another audience", () => verified(made, set, { audience: "https://other.example" }));
    await step("another issuer", () => verified(made, set, { issuer: `${address}/oidc/other` }));
    await step("another subject", () => verified(made, set, { subject: "order 8" }));
    await step("another algorithm", () => verified(made, set, { algorithms: ["RS256"] }));
    await step("expired", () => verified(made, set, { maxTokenAge: undefined, currentDate: new Date(Date.now() + 301000) }));
    await step("too early", () => verified(made, set, { maxTokenAge: undefined, currentDate: new Date(Date.now() - 60000) }));
    const [header, payload] = made.split(".");
    const none = Buffer.from(JSON.stringify({ ...jose.decodeProtectedHeader(made), alg: "none" })).toString("base64url");
    await step("unsigned", () => verified(`${none}.${payload}.`, set));
    await step("without a signature", () => verified(`${header}.${payload}.`, set));
    await step("no such set", () => verified(made, keySet("none/")));
    await step("set of a key that does not sign", async () => verified(made, keySet((await create("shop/aes", "aes-256-gcm")).name)));

    const found = await step("discovery", () => ask("/oidc/shop/.well-known/openid-configuration"));
    await step("verified by discovery", () => verified(made, jose.createRemoteJWKSet(new URL(found.jwks_uri)), { issuer: found.issuer }));
    await step("thumbprints", async () => {
        const { keys } = await ask("/jwks/shop/");
        return Promise.all(keys.map((key) => jose.calculateJwkThumbprint(key)));
    });
    await step("verified by a local set", async () => verified(made, jose.createLocalJWKSet(await ask("/jwks/shop/"))));
    await step("verified by PEM", async () => verified(made, await jose.importSPKI(await ask("/v1/keys/shop/ecdsa-p256:public-key"), "ES256")));
}

// Whatever is signed natively with the encoding of JOSE is a JWS.
async function signatures() {
    for (const [algorithm, scheme] of Object.entries(schemes)) {
        await step(`JWS ${scheme}`, async () => {
            const parts = [JSON.stringify({ alg: scheme, kid: `shop/${algorithm}@1` }), "any bytes"].map((part) => Buffer.from(part).toString("base64url"));
            const message = Buffer.from(parts.join(".")).toString("base64");
            const { signature } = await ask(`/v1/keys/shop/${algorithm}:sign`, { message, scheme, encoding: "jose" });
            return Buffer.from((await jose.compactVerify([...parts, signature].join("."), keySet("shop/"))).payload).toString();
        });
    }
}

async function rotation() {
    await create("shop/turns", "ecdsa-p256", { rotation: { publish_ahead: "1h", overlap: "2h" } });
    const once = { cooldownDuration: 3600000 };
    const old = await sign("shop/turns"), kept = keySet("shop/turns", once);
    await verified(old, kept);
    await step("rotated", () => ask("/v1/keys/shop/turns:rotate", {}));
    await step("signed while the next one is pending", async () => jose.decodeProtectedHeader(await sign("shop/turns")).kid);
    const ahead = keySet("shop/turns", once);
    await verified(old, ahead);
    await ask("/v1/keys/shop/turns@2:promote", {});
    const made = await sign("shop/turns");
    await step("verified after promotion", () => verified(made, ahead));
    await step("verified after promotion by a set from before", () => verified(made, kept));
    await step("verified after promotion by a set that may be fetched again", () => verified(made, keySet("shop/turns", { cooldownDuration: 0 })));
    await step("older one verified after promotion", () => verified(old, keySet("shop/turns")));
    await step("older one verified by a set from before", () => verified(old, kept));
    await ask("/v1/keys/shop/turns@1:retire", {});
    await step("older one verified after retirement", () => verified(old, keySet("shop/turns")));
    await step("newer one verified after retirement", () => verified(made, keySet("shop/turns")));

    await create("shop/leaks", "ed25519");
    const lost = await sign("shop/leaks"), open = keySet("shop/leaks", { cooldownDuration: 0 });
    await verified(lost, open);
    await ask("/v1/keys/shop/leaks:rotate", { immediate: true });
    await step("verified after a rotation at once", async () => verified(await sign("shop/leaks"), open));
    await ask("/v1/keys/shop/leaks@1:compromise", { reason: "it leaked" });
    await step("verified after a compromise", () => verified(lost, keySet("shop/leaks")));
}

async function breakGlass() {
    for (const { curve, sealed, key, other } of JSON.parse(SEALED)) {
        const open = async (text, jwk) => {
            const options = { keyManagementAlgorithms: ["ECDH-ES"], contentEncryptionAlgorithms: ["A256GCM"] };
            const { plaintext, protectedHeader } = await jose.compactDecrypt(text, await jose.importJWK(jwk, "ECDH-ES"), options);
            return { plaintext: Buffer.from(plaintext).toString(), header: protectedHeader };
        };
        await step(`unsealed ${curve}`, () => open(sealed, key));
        await step(`unsealed ${curve} with another key`, () => open(sealed, other));
        for (const part of [2, 3, 4]) {
            await step(`unsealed ${curve} with another part ${part}`, () => open(flipped(sealed, part), key));
        }
    }
}

(async () => {
    for (const part of [tokens, signatures, rotation, breakGlass]) {
        await part();
    }
    process.stdout.write(JSON.stringify(said), () => process.exit()); // answers that jose does not read hold their connections open
})();
