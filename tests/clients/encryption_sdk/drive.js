"use strict";
// What users of the AWS Encryption SDK for JavaScript write, step by step; prints what came of each as one JSON object. Its KMS clients find their endpoint
// and their credentials by themselves; NOBODY is the access key of a principal without a grant.
const crypto = require("node:crypto");
const sdk = require("@aws-crypto/client-node");
const { KMS } = require("@aws-sdk/client-kms");

const { KmsKeyringNode, AlgorithmSuiteIdentifier: Suite, CommitmentPolicy: Policy } = sdk;
const kms = new KMS({});
const { encrypt, decrypt, decryptUnsignedMessageStream } = sdk.buildClient();
const said = { node: process.version };
const context = { order: "7", customer: "ü" };
const arns = {};

async function step(name, act) {
    try {
        said[name] = { value: await act() };
    } catch (error) {
        said[name] = { refused: error.name, message: error.message };
    }
    return said[name].value;
}

// The message, who may open it, and what is said about it.
async function opened(keyring, message, by = decrypt) {
    const { plaintext, messageHeader: header } = await by(keyring, message);
    const keys = header.encryptedDataKeys.map(({ providerId, providerInfo, encryptedDataKey }) => [providerId, providerInfo, Buffer.from(encryptedDataKey)]);
    return { plaintext, keys, context: header.encryptionContext, suite: Suite[header.suiteId] };
}

const sealed = async (keyring, plaintext, options) => (await encrypt(keyring, plaintext, { encryptionContext: context, ...options })).result;
const ring = (...keyIds) => new KmsKeyringNode({ keyIds: keyIds.map((name) => arns[name]) });

async function messages() {
    for (const name of ["generator", "second", "third", "stranger"]) {
        arns[name] = (await kms.createKey({})).KeyMetadata.Arn;
    }
    await kms.createAlias({ AliasName: "alias/generator", TargetKeyId: arns.generator });
    said.arns = arns;
    const whole = new KmsKeyringNode({ generatorKeyId: arns.generator, keyIds: [arns.second, arns.third] });
    const message = await step("sealed", () => sealed(whole, "secret"));
    await step("opened", () => opened(whole, message));
    for (const name of ["generator", "second", "third", "stranger"]) {
        await step(`opened by the ${name} alone`, () => opened(ring(name), message));
    }
    const discovery = (...accountIDs) => new KmsKeyringNode({ discovery: true, discoveryFilter: { accountIDs, partition: "aws" } });
    await step("opened by discovery", () => opened(new KmsKeyringNode({ discovery: true }), message));
    await step("opened by discovery in the account", () => opened(discovery(arns.generator.split(":")[4]), message));
    await step("opened by discovery elsewhere", () => opened(discovery("999999999999"), message));
    await step("sealed by discovery", () => sealed(new KmsKeyringNode({ discovery: true }), "secret"));
    const ofRegions = new sdk.AwsKmsMrkAwareSymmetricKeyringNode({ client: kms, keyId: arns.second });
    await step("opened by the keyring of many regions", () => opened(ofRegions, message));
    const clientProvider = sdk.getClient(KMS, { endpoint: process.env.AWS_ENDPOINT_URL_KMS });
    const provided = new KmsKeyringNode({ clientProvider, generatorKeyId: "alias/generator" });
    const other = await step("sealed by an alias", () => sealed(provided, Buffer.alloc(200000, 7), { frameLength: 1024 }));
    await step("opened after an alias", () => opened(new KmsKeyringNode({ clientProvider, keyIds: [arns.generator] }), other));
    const nothing = await step("sealed nothing", () => sealed(whole, ""));
    await step("opened nothing", () => opened(whole, nothing));
    return message;
}

async function suites() {
    const whole = new KmsKeyringNode({ generatorKeyId: arns.generator, keyIds: [arns.second] });
    const older = sdk.buildClient(Policy.FORBID_ENCRYPT_ALLOW_DECRYPT);
    for (const [suiteId, id] of Object.entries(Suite).filter(([name]) => name.startsWith("ALG"))) {
        const { encrypt: by } = suiteId.includes("COMMIT") ? { encrypt } : older;
        const message = await step(`sealed by ${suiteId}`, async () => (await by(whole, "secret", { suiteId: id, encryptionContext: context })).result);
        await step(`opened by ${suiteId}`, () => opened(whole, message, older.decrypt));
    }
    const uncommitted = said["sealed by ALG_AES256_GCM_IV12_TAG16_HKDF_SHA256"].value;
    await step("opened without commitment", () => opened(whole, uncommitted));
    const unsigned = said["sealed by ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY"].value;
    await step("opened as a stream", async () => {
        const stream = decryptUnsignedMessageStream(whole);
        const chunks = [];
        stream.end(unsigned);
        for await (const chunk of stream) {
            chunks.push(chunk);
        }
        return Buffer.concat(chunks);
    });
}

// The context is in the header as counted texts, so that another one of the same length is a message of good shape.
function changed(message, from, to) {
    const at = message.indexOf(from);
    const bytes = Buffer.from(message);
    bytes.write(to, at);
    return at < 0 ? null : bytes;
}

async function bad(message) {
    const both = ring("generator", "second");
    const flipped = (at) => Buffer.from(message).fill(message[at] ^ 1, at, at + 1);
    await step("another context", () => opened(both, changed(message, "order\0\x017", "order\0\x018")));
    await step("another data key", () => opened(ring("generator"), flipped(message.indexOf(arns.generator) + arns.generator.length + 2 + 40)));
    await step("another body", () => opened(both, flipped(message.length - 124)));
    await step("another signature", () => opened(both, flipped(message.length - 1)));
    await step("cut", () => opened(both, message.subarray(0, message.length - 10)));
}

async function states(message) {
    await kms.disableKey({ KeyId: arns.generator });
    await step("opened with its generator disabled", () => opened(ring("generator", "second"), message));
    await step("opened by a disabled key", () => opened(ring("generator"), message));
    await step("sealed by a disabled key", () => sealed(new KmsKeyringNode({ generatorKeyId: arns.generator }), "secret"));
    await step("sealed with a second one disabled", () => sealed(new KmsKeyringNode({ generatorKeyId: arns.second, keyIds: [arns.generator] }), "secret"));
    await kms.enableKey({ KeyId: arns.generator });
    await step("opened by a key that is enabled again", () => opened(ring("generator"), message));
    await kms.rotateKeyOnDemand({ KeyId: arns.generator });
    await step("opened after rotation", () => opened(ring("generator"), message));
    await kms.scheduleKeyDeletion({ KeyId: arns.third, PendingWindowInDays: 7 });
    await step("opened by a key that goes", () => opened(ring("third"), message));
    const [accessKeyId, secretAccessKey] = process.env.NOBODY.split(" ");
    const clientProvider = sdk.getClient(KMS, { credentials: { accessKeyId, secretAccessKey } });
    await step("opened by nobody", () => opened(new KmsKeyringNode({ clientProvider, keyIds: [arns.generator] }), message));
    await step("sealed by nobody", () => sealed(new KmsKeyringNode({ clientProvider, generatorKeyId: arns.generator }), "secret"));
    const missing = arns.generator.replace(/key\/.*/, `key/${crypto.randomUUID()}`);
    await step("sealed by no key", () => sealed(new KmsKeyringNode({ generatorKeyId: missing }), "secret"));
}

// One data key for many messages; the requests are counted on the way.
async function cached() {
    let requests = 0;
    const clientProvider = sdk.getClient(KMS, { logger: { debug() {}, info: () => requests++, warn() {}, error() {} } });
    const backingMaterials = new KmsKeyringNode({ clientProvider, generatorKeyId: arns.generator });
    const cache = sdk.getLocalCryptographicMaterialsCache(10);
    const manager = new sdk.NodeCachingMaterialsManager({ backingMaterials, cache, maxAge: 60000, maxMessagesEncrypted: 10, partition: "p" });
    await step("sealed and opened from a cache", async () => {
        const all = [];
        for (const text of ["a", "b", "c"]) {
            all.push((await opened(manager, await sealed(manager, text, { plaintextLength: 1 }))).plaintext.toString());
        }
        return { all, requests };
    });
}

(async () => {
    const message = await messages();
    await suites();
    await bad(message);
    await states(message);
    await cached();
    console.log(JSON.stringify(said, (_, item) => (item?.type === "Buffer" ? Buffer.from(item.data).toString("base64") : item)));
})();
