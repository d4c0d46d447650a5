"use strict";
// What users of @aws-sdk/client-kms write, step by step; prints what came of each as one JSON object. The client finds its endpoint, its region and
// its credentials by itself; NOBODY is the access key of a principal without a grant.
const crypto = require("node:crypto");
const kms = require("@aws-sdk/client-kms");

const client = new kms.KMSClient({});
const said = { node: process.version };
const message = Buffer.from("to be signed");
const digest = (name) => crypto.createHash(name).update(message).digest();
const key = {};

// The answer, or what the client throws.
async function step(name, operation, input, by = client) {
    try {
        const { $metadata, ...value } = await by.send(new kms[`${operation}Command`](input));
        said[name] = { value, status: $metadata.httpStatusCode, attempts: $metadata.attempts, request: $metadata.requestId };
    } catch (error) {
        const { httpStatusCode: status, attempts, requestId: request } = error.$metadata ?? {};
        const typed = kms[error.name] !== undefined && error instanceof kms[error.name] && error instanceof kms.KMSServiceException;
        said[name] = { refused: error.name, message: error.message, typed, status, attempts, request };
    }
    return said[name].value ?? {};
}

const create = async (name, input) => (key[name] = (await step(`made ${name}`, "CreateKey", input)).KeyMetadata ?? {});

async function keys() {
    await create("aes", { Description: "of a test", Tags: [{ TagKey: "team", TagValue: "Shop" }] });
    await create("other", {});
    for (const KeySpec of ["ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_NIST_EDWARDS25519", "RSA_2048"]) {
        await create(KeySpec, { KeySpec, KeyUsage: "SIGN_VERIFY" });
    }
    await create("RSA_2048 of the old field", { CustomerMasterKeySpec: "RSA_2048", KeyUsage: "SIGN_VERIFY" });
    await create("rsa", { KeySpec: "RSA_2048", KeyUsage: "ENCRYPT_DECRYPT" });
    await create("HMAC_256", { KeySpec: "HMAC_256", KeyUsage: "GENERATE_VERIFY_MAC" });
    await step("made without a usage", "CreateKey", { KeySpec: "RSA_2048" });
    await step("made for a wrong usage", "CreateKey", { KeySpec: "ECC_NIST_P256", KeyUsage: "ENCRYPT_DECRYPT" });
    await step("made of a wrong spec", "CreateKey", { KeySpec: "DES" });
    await step("made elsewhere", "CreateKey", { Origin: "EXTERNAL" });
    await step("described by id", "DescribeKey", { KeyId: key.aes.KeyId });
    await step("described by ARN", "DescribeKey", { KeyId: key.aes.Arn });
    await step("described anew", "UpdateKeyDescription", { KeyId: key.aes.KeyId, Description: "ünd neu" });
    await step("described after", "DescribeKey", { KeyId: key.aes.KeyId });
    const pages = [];
    for await (const page of kms.paginateListKeys({ client, pageSize: 3 }, {})) {
        pages.push(page.Keys);
    }
    said.pages = pages;
    await step("a page", "ListKeys", { Limit: 3 });
    await step("no page", "ListKeys", { Limit: 0 });
    await step("no marker", "ListKeys", { Marker: "?" });
}

async function aliases() {
    const AliasName = "alias/Card_1/x-y";
    const arn = key.aes.Arn.replace(`key/${key.aes.KeyId}`, AliasName);
    await step("alias made", "CreateAlias", { AliasName, TargetKeyId: key.aes.KeyId });
    await step("alias made again", "CreateAlias", { AliasName, TargetKeyId: key.other.KeyId });
    await step("alias made for none", "CreateAlias", { AliasName: "alias/none", TargetKeyId: crypto.randomUUID() });
    await step("alias without its prefix", "CreateAlias", { AliasName: "card", TargetKeyId: key.aes.KeyId });
    await step("alias of AWS", "CreateAlias", { AliasName: "alias/aws/card", TargetKeyId: key.aes.KeyId });
    await step("alias with a space", "CreateAlias", { AliasName: "alias/a b", TargetKeyId: key.aes.KeyId });
    await step("described by alias", "DescribeKey", { KeyId: AliasName });
    await step("described by the alias's ARN", "DescribeKey", { KeyId: arn });
    const { CiphertextBlob } = await step("sealed by alias", "Encrypt", { KeyId: AliasName, Plaintext: message });
    await step("opened by the alias's ARN", "Decrypt", { KeyId: arn, CiphertextBlob });
    await step("aliases of the key", "ListAliases", { KeyId: key.aes.KeyId });
    await step("alias moved", "UpdateAlias", { AliasName, TargetKeyId: key.other.KeyId });
    await step("described by the moved alias", "DescribeKey", { KeyId: AliasName });
    await step("opened by the moved alias", "Decrypt", { KeyId: AliasName, CiphertextBlob });
    await step("aliases after the move", "ListAliases", { KeyId: key.aes.KeyId });
    said["pages of aliases"] = [];
    for await (const page of kms.paginateListAliases({ client, pageSize: 3 }, {})) {
        said["pages of aliases"].push(page.Aliases.map((alias) => alias.AliasName));
    }
    await step("alias deleted", "DeleteAlias", { AliasName });
    await step("alias deleted again", "DeleteAlias", { AliasName });
    await step("no alias moved", "UpdateAlias", { AliasName, TargetKeyId: key.aes.KeyId });
    await step("described by no alias", "DescribeKey", { KeyId: AliasName });
}

async function ciphertexts() {
    const KeyId = key.aes.KeyId, Plaintext = Buffer.from("secret"), EncryptionContext = { order: "7", customer: "ü" };
    const reversed = { customer: "ü", order: "7" };
    const plain = await step("sealed", "Encrypt", { KeyId, Plaintext });
    await step("opened", "Decrypt", { CiphertextBlob: plain.CiphertextBlob });
    await step("opened by its key", "Decrypt", { CiphertextBlob: plain.CiphertextBlob, KeyId: key.aes.Arn, EncryptionAlgorithm: "SYMMETRIC_DEFAULT" });
    await step("opened by another key", "Decrypt", { CiphertextBlob: plain.CiphertextBlob, KeyId: key.other.KeyId });
    const bound = await step("sealed with a context", "Encrypt", { KeyId, Plaintext, EncryptionContext });
    await step("opened with its context", "Decrypt", { CiphertextBlob: bound.CiphertextBlob, EncryptionContext: reversed });
    await step("opened without its context", "Decrypt", { CiphertextBlob: bound.CiphertextBlob });
    await step("opened with another context", "Decrypt", { CiphertextBlob: bound.CiphertextBlob, EncryptionContext: { ...EncryptionContext, order: "8" } });
    await step("opened with too much context", "Decrypt", { CiphertextBlob: plain.CiphertextBlob, EncryptionContext });
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`name ${at}`, `${at}`]));
    const wide = await step("sealed with a wide context", "Encrypt", { KeyId, Plaintext, EncryptionContext: many });
    await step("opened with a wide context", "Decrypt", { CiphertextBlob: wide.CiphertextBlob, EncryptionContext: many });
    const bad = bound.CiphertextBlob?.map((byte, at, all) => (at === all.length - 1 ? byte ^ 1 : byte));
    await step("a bad one", "Decrypt", { CiphertextBlob: bad, EncryptionContext });
    const Recipient = { KeyEncryptionAlgorithm: "RSAES_OAEP_SHA_256", AttestationDocument: crypto.randomBytes(1000) };
    await step("opened for an enclave", "Decrypt", { CiphertextBlob: plain.CiphertextBlob, Recipient });
    await step("data key for an enclave", "GenerateDataKey", { KeyId, KeySpec: "AES_256", Recipient });
    await step("noise", "Decrypt", { CiphertextBlob: crypto.randomBytes(64) });
    await step("noise for a key", "Decrypt", { CiphertextBlob: crypto.randomBytes(64), KeyId });
    const most = await step("the most sealed", "Encrypt", { KeyId, Plaintext: Buffer.alloc(4096, 7) });
    await step("the most opened", "Decrypt", { CiphertextBlob: most.CiphertextBlob });
    await step("too much sealed", "Encrypt", { KeyId, Plaintext: Buffer.alloc(4097) });
    await step("nothing sealed", "Encrypt", { KeyId, Plaintext: Buffer.alloc(0) });
    await step("sealed by a signer", "Encrypt", { KeyId: key.ECC_NIST_P256.KeyId, Plaintext });
    await step("sealed by another algorithm", "Encrypt", { KeyId, Plaintext, EncryptionAlgorithm: "RSAES_OAEP_SHA_256" });

    const from = { CiphertextBlob: bound.CiphertextBlob, SourceEncryptionContext: EncryptionContext };
    const moved = await step("moved", "ReEncrypt", { ...from, DestinationKeyId: key.other.Arn, DestinationEncryptionContext: { n: "1" } });
    await step("moved opened", "Decrypt", { CiphertextBlob: moved.CiphertextBlob, EncryptionContext: { n: "1" } });
    await step("moved opened as before", "Decrypt", { CiphertextBlob: moved.CiphertextBlob, EncryptionContext });
    await step("moved with another context", "ReEncrypt", { CiphertextBlob: bound.CiphertextBlob, DestinationKeyId: key.other.Arn });
    await step("moved from another key", "ReEncrypt", { CiphertextBlob: plain.CiphertextBlob, SourceKeyId: key.other.KeyId, DestinationKeyId: key.aes.KeyId });
    await step("moved to a signer", "ReEncrypt", { CiphertextBlob: plain.CiphertextBlob, DestinationKeyId: key.ECC_NIST_P256.KeyId });

    await step("described RSA", "DescribeKey", { KeyId: key.rsa.KeyId });
    const { PublicKey, EncryptionAlgorithms = [] } = await step("public key of RSA", "GetPublicKey", { KeyId: key.rsa.KeyId });
    const spki = crypto.createPublicKey({ key: Buffer.from(PublicKey ?? ""), format: "der", type: "spki" }), padding = crypto.constants.RSA_PKCS1_OAEP_PADDING;
    for (const EncryptionAlgorithm of EncryptionAlgorithms) {
        const made = await step(`sealed by ${EncryptionAlgorithm}`, "Encrypt", { KeyId: key.rsa.KeyId, Plaintext, EncryptionAlgorithm });
        await step(`opened by ${EncryptionAlgorithm}`, "Decrypt", { KeyId: key.rsa.KeyId, CiphertextBlob: made.CiphertextBlob, EncryptionAlgorithm });
        const own = crypto.publicEncrypt({ key: spki, padding, oaepHash: EncryptionAlgorithm.includes("SHA_256") ? "sha256" : "sha1" }, Plaintext);
        await step(`sealed by node for ${EncryptionAlgorithm}`, "Decrypt", { KeyId: key.rsa.KeyId, CiphertextBlob: own, EncryptionAlgorithm });
    }
    const asked = Array.from({ length: 64 }, () => client.send(new kms.DecryptCommand({ CiphertextBlob: plain.CiphertextBlob })));
    said["at once"] = (await Promise.all(asked)).map(({ Plaintext: opened }) => Buffer.from(opened).toString());
}

async function dataKeys() {
    const KeyId = key.aes.KeyId, EncryptionContext = { order: "7" };
    for (const asked of [{ KeySpec: "AES_256" }, { KeySpec: "AES_128" }, { NumberOfBytes: 64 }]) {
        const name = asked.KeySpec ?? asked.NumberOfBytes;
        const made = await step(`data key ${name}`, "GenerateDataKey", { KeyId, EncryptionContext, ...asked });
        await step(`data key ${name} opened`, "Decrypt", { CiphertextBlob: made.CiphertextBlob, EncryptionContext });
        const wrapped = await step(`data key ${name} wrapped`, "GenerateDataKeyWithoutPlaintext", { KeyId, EncryptionContext, ...asked });
        await step(`data key ${name} wrapped opened`, "Decrypt", { CiphertextBlob: wrapped.CiphertextBlob, EncryptionContext });
    }
    await step("data key with another context", "Decrypt", { CiphertextBlob: said["data key AES_256"].value?.CiphertextBlob });
    await step("data key of both sizes", "GenerateDataKey", { KeyId, KeySpec: "AES_256", NumberOfBytes: 32 });
    await step("data key of no size", "GenerateDataKey", { KeyId });
    await step("data key of a signer", "GenerateDataKey", { KeyId: key.RSA_2048.KeyId, KeySpec: "AES_256" });
    for (const KeyPairSpec of ["ECC_NIST_P256", "ECC_NIST_EDWARDS25519", "RSA_2048"]) {
        const pair = await step(`pair ${KeyPairSpec}`, "GenerateDataKeyPair", { KeyId, KeyPairSpec, EncryptionContext });
        await step(`pair ${KeyPairSpec} opened`, "Decrypt", { CiphertextBlob: pair.PrivateKeyCiphertextBlob, EncryptionContext });
        const wrapped = await step(`pair ${KeyPairSpec} wrapped`, "GenerateDataKeyPairWithoutPlaintext", { KeyId, KeyPairSpec, EncryptionContext });
        await step(`pair ${KeyPairSpec} wrapped opened`, "Decrypt", { CiphertextBlob: wrapped.PrivateKeyCiphertextBlob, EncryptionContext });
    }
    await step("random", "GenerateRandom", { NumberOfBytes: 1024 });
    await step("too much random", "GenerateRandom", { NumberOfBytes: 1025 });
}

async function signatures() {
    said.signatures = [];
    for (const name of ["ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_NIST_EDWARDS25519", "RSA_2048"]) {
        const KeyId = key[name].Arn;
        const { SigningAlgorithms = [] } = await step(`public key ${name}`, "GetPublicKey", { KeyId });
        for (const SigningAlgorithm of SigningAlgorithms) {
            for (const MessageType of name.includes("EDWARDS") ? ["RAW"] : ["RAW", "DIGEST"]) {
                const Message = MessageType === "RAW" ? message : digest(`sha${SigningAlgorithm.slice(-3)}`);
                const { Signature, ...more } = await client.send(new kms.SignCommand({ KeyId, SigningAlgorithm, MessageType, Message }));
                const { SignatureValid } = await client.send(new kms.VerifyCommand({ KeyId, SigningAlgorithm, MessageType, Message, Signature }));
                said.signatures.push({ name, SigningAlgorithm, MessageType, Signature, SignatureValid, said: [more.KeyId, more.SigningAlgorithm] });
            }
        }
    }
    const { Signature } = said.signatures[0], KeyId = key.ECC_NIST_P256.KeyId, SigningAlgorithm = "ECDSA_SHA_256";
    await step("another message verified", "Verify", { KeyId, SigningAlgorithm, Message: Buffer.from("another"), Signature });
    await step("another signature verified", "Verify", { KeyId, SigningAlgorithm, Message: message, Signature: crypto.randomBytes(70) });
    await step("a short digest signed", "Sign", { KeyId, SigningAlgorithm, Message: Buffer.alloc(31), MessageType: "DIGEST" });
    await step("too much signed", "Sign", { KeyId, SigningAlgorithm, Message: Buffer.alloc(4097) });
    await step("signed by another algorithm", "Sign", { KeyId, SigningAlgorithm: "ECDSA_SHA_384", Message: message });
    await step("signed by AES", "Sign", { KeyId: key.aes.KeyId, SigningAlgorithm, Message: message });
    await step("public key of AES", "GetPublicKey", { KeyId: key.aes.KeyId });
    const mac = { KeyId: key.HMAC_256.KeyId, MacAlgorithm: "HMAC_SHA_256", Message: message };
    const { Mac } = await step("mac", "GenerateMac", mac);
    await step("mac verified", "VerifyMac", { ...mac, Mac });
    await step("mac of another message", "VerifyMac", { ...mac, Mac, Message: Buffer.from("another") });
    await step("mac of another algorithm", "GenerateMac", { ...mac, MacAlgorithm: "HMAC_SHA_512" });
}

async function states() {
    const KeyId = (await create("moves", { Tags: [{ TagKey: "team", TagValue: "Shop" }] })).KeyId, Plaintext = Buffer.from("x");
    const { CiphertextBlob } = await step("sealed while enabled", "Encrypt", { KeyId, Plaintext });
    await step("disabled", "DisableKey", { KeyId });
    await step("described while disabled", "DescribeKey", { KeyId });
    await step("sealed while disabled", "Encrypt", { KeyId, Plaintext });
    await step("opened while disabled", "Decrypt", { CiphertextBlob });
    await step("data key while disabled", "GenerateDataKey", { KeyId, KeySpec: "AES_256" });
    await step("enabled", "EnableKey", { KeyId });
    await step("opened after", "Decrypt", { CiphertextBlob });
    await step("not to cancel", "CancelKeyDeletion", { KeyId });
    await step("deletion too soon", "ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 6 });
    await step("deletion scheduled", "ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 7 });
    await step("described while pending", "DescribeKey", { KeyId });
    await step("opened while pending", "Decrypt", { CiphertextBlob });
    await step("enabled while pending", "EnableKey", { KeyId });
    await step("deletion scheduled again", "ScheduleKeyDeletion", { KeyId });
    await step("deletion cancelled", "CancelKeyDeletion", { KeyId });
    await step("described after cancelling", "DescribeKey", { KeyId });
    await step("enabled again", "EnableKey", { KeyId });
    await step("opened again", "Decrypt", { CiphertextBlob });

    await step("tagged", "TagResource", { KeyId, Tags: [{ TagKey: "stage", TagValue: "prod" }, { TagKey: "team", TagValue: "Ops" }] });
    await step("tags", "ListResourceTags", { KeyId });
    await step("untagged", "UntagResource", { KeyId, TagKeys: ["stage"] });
    await step("tags after", "ListResourceTags", { KeyId });

    await step("rotation before", "GetKeyRotationStatus", { KeyId });
    await step("rotation enabled", "EnableKeyRotation", { KeyId, RotationPeriodInDays: 90 });
    await step("rotation", "GetKeyRotationStatus", { KeyId });
    await step("rotation too often", "EnableKeyRotation", { KeyId, RotationPeriodInDays: 89 });
    await step("rotations before", "ListKeyRotations", { KeyId });
    await step("rotated", "RotateKeyOnDemand", { KeyId });
    await step("rotations", "ListKeyRotations", { KeyId });
    await step("rotation disabled", "DisableKeyRotation", { KeyId });
    await step("rotation after", "GetKeyRotationStatus", { KeyId });
    await step("rotations after", "ListKeyRotations", { KeyId });
    await step("opened after rotation", "Decrypt", { CiphertextBlob });
    await step("sealed after rotation", "Encrypt", { KeyId, Plaintext });
    await step("rotation of a signer", "EnableKeyRotation", { KeyId: key.RSA_2048.KeyId });
    await step("a signer rotated", "RotateKeyOnDemand", { KeyId: key.ECC_NIST_P384.KeyId });
}

async function dryRuns() {
    const KeyId = key.aes.KeyId, Plaintext = message, CiphertextBlob = said.sealed.value?.CiphertextBlob;
    const mac = { KeyId: key.HMAC_256.KeyId, MacAlgorithm: "HMAC_SHA_256", Message: message };
    const signer = { KeyId: key.ECC_NIST_P256.KeyId, SigningAlgorithm: "ECDSA_SHA_256", Message: message };
    for (const [operation, input] of Object.entries({
        Encrypt: { KeyId, Plaintext }, Decrypt: { CiphertextBlob },
        GenerateDataKey: { KeyId, KeySpec: "AES_256" }, GenerateDataKeyWithoutPlaintext: { KeyId, KeySpec: "AES_256" },
        GenerateDataKeyPair: { KeyId, KeyPairSpec: "ECC_NIST_P256" }, GenerateDataKeyPairWithoutPlaintext: { KeyId, KeyPairSpec: "ECC_NIST_P256" },
        ReEncrypt: { CiphertextBlob, DestinationKeyId: key.other.KeyId }, Sign: signer, Verify: { ...signer, Signature: said.signatures[0].Signature },
        GenerateMac: mac, VerifyMac: { ...mac, Mac: said.mac.value?.Mac },
    })) {
        await step(`dry ${operation}`, operation, { ...input, DryRun: true });
    }
    await step("dry for no key", "Encrypt", { KeyId: crypto.randomUUID(), Plaintext, DryRun: true });
}

async function refusals() {
    const [accessKeyId, secretAccessKey] = process.env.NOBODY.split(" ");
    const nobody = new kms.KMSClient({ credentials: { accessKeyId, secretAccessKey } });
    const KeyId = key.aes.KeyId, none = crypto.randomUUID(), once = { maxAttempts: 1 };
    await step("nobody describes", "DescribeKey", { KeyId }, nobody);
    await step("nobody describes what is not there", "DescribeKey", { KeyId: none }, nobody);
    await step("nobody encrypts", "Encrypt", { KeyId, Plaintext: message }, nobody);
    await step("nobody decrypts", "Decrypt", { CiphertextBlob: said.sealed.value?.CiphertextBlob }, nobody);
    await step("nobody makes a key", "CreateKey", {}, nobody);
    await step("nobody encrypts, dry", "Encrypt", { KeyId, Plaintext: message, DryRun: true }, nobody);
    await step("nobody lists", "ListKeys", {}, nobody);
    await step("wrong secret", "ListKeys", {}, new kms.KMSClient({ ...once, credentials: { accessKeyId, secretAccessKey: `${secretAccessKey}x` } }));
    await step("wrong access key", "ListKeys", {}, new kms.KMSClient({ credentials: { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey } }));
    await step("unsigned", "ListKeys", {}, new kms.KMSClient({ signer: { sign: async (request) => request } }));
    await step("late", "DescribeKey", { KeyId }, new kms.KMSClient({ ...once, systemClockOffset: -600000 }));
    await step("late, and again", "DescribeKey", { KeyId }, new kms.KMSClient({ systemClockOffset: -600000 }));
    await step("no key", "DescribeKey", { KeyId: none });
    await step("no key to encrypt", "Encrypt", { KeyId: `alias/${none}`, Plaintext: message });
    await step("no id", "DescribeKey", { KeyId: "no key" });
    await step("grant", "CreateGrant", { KeyId, GranteePrincipal: "arn:aws:iam::123456789012:role/x", Operations: ["Decrypt"] });
    await step("policy", "GetKeyPolicy", { KeyId });
    await step("import", "GetParametersForImport", { KeyId, WrappingAlgorithm: "RSAES_OAEP_SHA_256", WrappingKeySpec: "RSA_2048" });
    const { PublicKey } = said["public key ECC_NIST_P256"].value ?? {};
    await step("shared secret", "DeriveSharedSecret", { KeyId: key.ECC_NIST_P256.KeyId, KeyAgreementAlgorithm: "ECDH", PublicKey });
    await step("elsewhere", "DescribeKey", { KeyId }, new kms.KMSClient({ region: "eu-central-1" }));

    // something on the way sends the request twice
    const { requestHandler } = client.config;
    let sent = 0;
    const handle = async (request, options) => {
        if (sent++ === 0) {
            (await requestHandler.handle(request, options)).response.body.resume();
        }
        return requestHandler.handle(request, options);
    };
    const doubling = new kms.KMSClient({ requestHandler: { metadata: requestHandler.metadata, handle } });
    await step("sent twice", "Decrypt", { CiphertextBlob: said.sealed.value?.CiphertextBlob }, doubling);
}

(async () => {
    for (const part of [keys, aliases, ciphertexts, dataKeys, signatures, states, dryRuns, refusals]) {
        await part();
    }
    console.log(JSON.stringify(said, (_, value) => (value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value)));
})();
