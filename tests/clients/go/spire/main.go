// Command spire drives SPIRE's KeyManager plugin "aws_kms" as a SPIRE server does: it starts the plugin twice, makes and
// replaces keys of every type, signs with each, and checks the signatures. It prints one line for each thing that held.
//
//	spire FOLDER      (for the plugin's identifier and key policy; AWS's variables say where and who)
package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-hclog"
	keymanager "github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/server/keymanager/v1"
	config "github.com/spiffe/spire-plugin-sdk/proto/spire/service/common/config/v1"
	"github.com/spiffe/spire/pkg/server/plugin/keymanager/awskms"
)

var types = []keymanager.KeyType{keymanager.KeyType_EC_P256, keymanager.KeyType_EC_P384, keymanager.KeyType_RSA_2048, keymanager.KeyType_RSA_4096}

func start(ctx context.Context, folder string) (*awskms.Plugin, error) {
	policy := filepath.Join(folder, "policy.json")
	if err := os.WriteFile(policy, nil, 0o600); err != nil {
		return nil, err
	}
	plugin := awskms.New()
	plugin.SetLogger(hclog.New(&hclog.LoggerOptions{Output: os.Stderr}))
	_, err := plugin.Configure(ctx, &config.ConfigureRequest{
		CoreConfiguration: &config.CoreConfiguration{TrustDomain: "example.org"},
		HclConfiguration: fmt.Sprintf("region = %q\nkey_identifier_file = %q\nkey_policy_file = %q\n",
			os.Getenv("AWS_DEFAULT_REGION"), filepath.Join(folder, "identifier"), policy),
	})
	return plugin, err
}

func sign(ctx context.Context, plugin *awskms.Plugin, key *keymanager.PublicKey) error {
	public, err := x509.ParsePKIXPublicKey(key.PkixData)
	if err != nil {
		return err
	}
	short, long := sha256.Sum256([]byte("a document")), sha512.Sum384([]byte("a document"))
	for hash, digest := range map[crypto.Hash][]byte{crypto.SHA256: short[:], crypto.SHA384: long[:]} {
		name := keymanager.HashAlgorithm_SHA256
		if hash == crypto.SHA384 {
			name = keymanager.HashAlgorithm_SHA384
		}
		request := &keymanager.SignDataRequest{KeyId: key.Id, Data: digest, SignerOpts: &keymanager.SignDataRequest_HashAlgorithm{HashAlgorithm: name}}
		ec, isEC := public.(*ecdsa.PublicKey)
		if isEC && ec.Curve.Params().BitSize != 8*len(digest) {
			continue
		}
		answer, err := plugin.SignData(ctx, request)
		if err != nil {
			return err
		}
		if answer.KeyFingerprint != key.Fingerprint {
			return errors.New("another key has signed")
		}
		if isEC {
			if !ecdsa.VerifyASN1(ec, digest, answer.Signature) {
				return errors.New("the signature does not hold")
			}
		} else if err := rsa.VerifyPKCS1v15(public.(*rsa.PublicKey), hash, digest, answer.Signature); err != nil {
			return err
		}
	}
	return nil
}

func run(folder string) error {
	ctx := context.Background()
	plugin, err := start(ctx, folder)
	if err != nil {
		return err
	}
	newest := map[string]string{}
	for _, kind := range types {
		id := "x509-CA-" + kind.String()
		for _, word := range []string{"made", "replaced"} {
			made, err := plugin.GenerateKey(ctx, &keymanager.GenerateKeyRequest{KeyId: id, KeyType: kind})
			if err != nil {
				return fmt.Errorf("%s: %w", id, err)
			}
			if newest[id] == made.PublicKey.Fingerprint {
				return fmt.Errorf("%s: the same key again", id)
			}
			newest[id] = made.PublicKey.Fingerprint
			if err := sign(ctx, plugin, made.PublicKey); err != nil {
				return fmt.Errorf("%s: %w", id, err)
			}
			fmt.Println(word, "and signed with", id)
		}
	}
	if plugin, err = start(ctx, folder); err != nil {
		return err
	}
	found, err := plugin.GetPublicKeys(ctx, &keymanager.GetPublicKeysRequest{})
	if err != nil {
		return err
	}
	if len(found.PublicKeys) != len(types) {
		return fmt.Errorf("%d keys after a new start, and not %d", len(found.PublicKeys), len(types))
	}
	for _, key := range found.PublicKeys {
		if newest[key.Id] != key.Fingerprint {
			return fmt.Errorf("%s: not the newest key after a new start", key.Id)
		}
		if err := sign(ctx, plugin, key); err != nil {
			return fmt.Errorf("%s: %w", key.Id, err)
		}
		fmt.Println("found again and signed with", key.Id)
	}
	return nil
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: spire FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "spire:", err)
		os.Exit(1)
	}
}
