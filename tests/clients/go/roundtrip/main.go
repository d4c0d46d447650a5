// Command roundtrip encrypts or decrypts standard input with one library that knows Vault's transit engine or AWS KMS,
// as a program that uses the library would:
//
//	roundtrip LIBRARY encrypt|decrypt KEY [ASSOCIATED-DATA]
//
// KEY is the name of a transit key in the mount "transit", or the ARN of a KMS key. Where the gateway is and who calls
// comes from VAULT_ADDR, VAULT_TOKEN, BAO_ADDR, BAO_TOKEN and AWS's variables, which the libraries read themselves.
package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go/aws"
	"github.com/aws/aws-sdk-go/aws/session"
	"github.com/aws/aws-sdk-go/service/kms"
	wrapping "github.com/hashicorp/go-kms-wrapping/v2"
	seal "github.com/hashicorp/go-kms-wrapping/wrappers/transit/v2"
	vault "github.com/hashicorp/vault/api"
	bao "github.com/openbao/openbao/api/v2"
	tinkkms "github.com/tink-crypto/tink-go-awskms/v3/integration/awskms"
	tinkvault "github.com/tink-crypto/tink-go-hcvault/v2/integration/hcvault"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/core/registry"
	"github.com/tink-crypto/tink-go/v2/tink"
	"gocloud.dev/secrets"
	_ "gocloud.dev/secrets/awskms"
	_ "gocloud.dev/secrets/hashivault"
)

// cipher is what every library comes down to.
type cipher interface {
	encrypt(plaintext, associated []byte) ([]byte, error)
	decrypt(ciphertext, associated []byte) ([]byte, error)
}

var errNoAssociated = errors.New("this library takes no associated data")

// logical is the way to a path that vault/api and openbao/api share.
type logical struct {
	key   string
	write func(path string, data map[string]any) (map[string]any, error)
}

func (l logical) ask(verb, sent, wanted string, value, associated []byte) (string, error) {
	data := map[string]any{sent: string(value)}
	if associated != nil {
		data["associated_data"] = base64.StdEncoding.EncodeToString(associated)
	}
	answer, err := l.write("transit/"+verb+"/"+l.key, data)
	if err != nil {
		return "", err
	}
	text, ok := answer[wanted].(string)
	if !ok {
		return "", fmt.Errorf("the answer has no %s", wanted)
	}
	return text, nil
}

func (l logical) encrypt(plaintext, associated []byte) ([]byte, error) {
	text, err := l.ask("encrypt", "plaintext", "ciphertext", []byte(base64.StdEncoding.EncodeToString(plaintext)), associated)
	return []byte(text), err
}

func (l logical) decrypt(ciphertext, associated []byte) ([]byte, error) {
	text, err := l.ask("decrypt", "ciphertext", "plaintext", ciphertext, associated)
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(text)
}

func openVault(key string) (cipher, error) {
	client, err := vault.NewClient(vault.DefaultConfig())
	if err != nil {
		return nil, err
	}
	return logical{key, func(path string, data map[string]any) (map[string]any, error) {
		answer, err := client.Logical().Write(path, data)
		if err != nil {
			return nil, err
		}
		return answer.Data, nil
	}}, nil
}

func openBao(key string) (cipher, error) {
	client, err := bao.NewClient(bao.DefaultConfig())
	if err != nil {
		return nil, err
	}
	return logical{key, func(path string, data map[string]any) (map[string]any, error) {
		answer, err := client.Logical().Write(path, data)
		if err != nil {
			return nil, err
		}
		return answer.Data, nil
	}}, nil
}

// sealed is Vault's seal "transit". What it makes is followed by the key id that it understood.
type sealed struct{ *seal.Wrapper }

func openSeal(key string) (cipher, error) {
	wrapper := seal.NewWrapper()
	_, err := wrapper.SetConfig(context.Background(), wrapping.WithConfigMap(map[string]string{
		"address": os.Getenv("VAULT_ADDR"), "token": os.Getenv("VAULT_TOKEN"), "key_name": key, "mount_path": "transit/",
	}))
	return sealed{wrapper}, err
}

func (s sealed) encrypt(plaintext, associated []byte) ([]byte, error) {
	if associated != nil {
		return nil, errNoAssociated
	}
	made, err := s.Encrypt(context.Background(), plaintext)
	if err != nil {
		return nil, err
	}
	return append(made.Ciphertext, " "+made.KeyInfo.KeyId...), nil
}

func (s sealed) decrypt(ciphertext, associated []byte) ([]byte, error) {
	if associated != nil {
		return nil, errNoAssociated
	}
	text, keyID, _ := strings.Cut(string(ciphertext), " ")
	return s.Decrypt(context.Background(), &wrapping.BlobInfo{Ciphertext: []byte(text), KeyInfo: &wrapping.KeyInfo{KeyId: keyID}})
}

type tinked struct{ tink.AEAD }

func (t tinked) encrypt(plaintext, associated []byte) ([]byte, error) {
	return t.Encrypt(plaintext, associated)
}
func (t tinked) decrypt(ciphertext, associated []byte) ([]byte, error) {
	return t.Decrypt(ciphertext, associated)
}

// tinkOf gives the remote AEAD itself, or the envelope whose keys it wraps.
func tinkOf(client registry.KMSClient, uri string, envelope bool) (cipher, error) {
	remote, err := client.GetAEAD(uri)
	if err != nil || !envelope {
		return tinked{remote}, err
	}
	return tinked{aead.NewKMSEnvelopeAEAD2(aead.AES256GCMKeyTemplate(), remote)}, nil
}

func openTinkVault(envelope bool) func(key string) (cipher, error) {
	return func(key string) (cipher, error) {
		made, err := vault.NewClient(vault.DefaultConfig())
		if err != nil {
			return nil, err
		}
		address, err := url.Parse(os.Getenv("VAULT_ADDR"))
		if err != nil {
			return nil, err
		}
		uri := "hcvault://" + address.Host + "/transit/keys/" + key
		client, err := tinkvault.NewClientWithAEADOptions(uri, made.Logical())
		if err != nil {
			return nil, err
		}
		return tinkOf(client, uri, envelope)
	}
}

func openTinkKMS(envelope bool) func(key string) (cipher, error) {
	return func(key string) (cipher, error) {
		client, err := tinkkms.NewClientWithOptions(context.Background(), "aws-kms://"+key)
		if err != nil {
			return nil, err
		}
		return tinkOf(client, "aws-kms://"+key, envelope)
	}
}

type kept struct{ *secrets.Keeper }

func openKeeper(address func(key string) string) func(key string) (cipher, error) {
	return func(key string) (cipher, error) {
		keeper, err := secrets.OpenKeeper(context.Background(), address(key))
		return kept{keeper}, err
	}
}

func (k kept) encrypt(plaintext, associated []byte) ([]byte, error) {
	if associated != nil {
		return nil, errNoAssociated
	}
	return k.Encrypt(context.Background(), plaintext)
}

func (k kept) decrypt(ciphertext, associated []byte) ([]byte, error) {
	if associated != nil {
		return nil, errNoAssociated
	}
	return k.Decrypt(context.Background(), ciphertext)
}

// oldSDK is AWS's SDK before version 2, as Kubernetes' aws-encryption-provider uses it.
type oldSDK struct {
	client *kms.KMS
	key    string
}

func openOldSDK(key string) (cipher, error) {
	made, err := session.NewSession()
	if err != nil {
		return nil, err
	}
	return oldSDK{kms.New(made, aws.NewConfig().WithRegion("us-east-1").WithEndpoint(os.Getenv("AWS_ENDPOINT_URL_KMS"))), key}, nil
}

func contextOf(associated []byte) map[string]*string {
	if associated == nil {
		return nil
	}
	return map[string]*string{"associated": aws.String(string(associated))}
}

func (o oldSDK) encrypt(plaintext, associated []byte) ([]byte, error) {
	made, err := o.client.Encrypt(&kms.EncryptInput{KeyId: &o.key, Plaintext: plaintext, EncryptionContext: contextOf(associated)})
	if err != nil {
		return nil, err
	}
	return made.CiphertextBlob, nil
}

func (o oldSDK) decrypt(ciphertext, associated []byte) ([]byte, error) {
	made, err := o.client.Decrypt(&kms.DecryptInput{CiphertextBlob: ciphertext, EncryptionContext: contextOf(associated)})
	if err != nil {
		return nil, err
	}
	return made.Plaintext, nil
}

var libraries = map[string]func(key string) (cipher, error){
	"vault-api":             openVault,
	"bao-api":               openBao,
	"seal":                  openSeal,
	"tink-hcvault":          openTinkVault(false),
	"tink-hcvault-envelope": openTinkVault(true),
	"tink-awskms":           openTinkKMS(false),
	"tink-awskms-envelope":  openTinkKMS(true),
	"aws-sdk-v1":            openOldSDK,
	"gocloud-hashivault":    openKeeper(func(key string) string { return "hashivault://" + key }),
	"gocloud-awskms":        openKeeper(func(key string) string { return "awskms:///" + key + "?region=us-east-1&context_order=7" }),
}

func run(arguments []string) error {
	if len(arguments) < 3 || len(arguments) > 4 {
		return errors.New("usage: roundtrip LIBRARY encrypt|decrypt KEY [ASSOCIATED-DATA]")
	}
	open, known := libraries[arguments[0]]
	if !known {
		return fmt.Errorf("no such library: %s", arguments[0])
	}
	var associated []byte
	if len(arguments) == 4 {
		associated = []byte(arguments[3])
	}
	given, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	opened, err := open(arguments[2])
	if err != nil {
		return err
	}
	act := opened.encrypt
	if arguments[1] == "decrypt" {
		act = opened.decrypt
	}
	made, err := act(given, associated)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(made)
	return err
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "roundtrip:", err)
		os.Exit(1)
	}
}
