// Command witness is an outside witness, a client of witnesses and a reader of cosigned checkpoints. What it judges by is
// somebody else's code: the cosignatures of github.com/transparency-dev/formats, the notes and proofs of
// golang.org/x/mod/sumdb. It is a referee, not a part of the node. See README.md.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"

	cosignatures "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	commands := map[string]func([]string) error{"serve": serve, "submit": submit, "check": check}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: witness serve|submit|check")
		os.Exit(64)
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "witness:", err)
		os.Exit(1)
	}
}

// serve witnesses one log. The first line of output is its verifier key, the second its address.
func serve(arguments []string) error {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	name := flags.String("name", "", "the `name` of the witness key")
	log := flags.String("log", "", "the log's verifier `key`")
	flags.Parse(arguments)
	secret, public, err := note.GenerateKey(rand.Reader, *name)
	if err != nil {
		return err
	}
	if public, err = cosignatures.VKeyToCosignatureV1(public); err != nil {
		return err
	}
	signer, err := cosignatures.NewSignerForCosignatureV1(secret)
	if err != nil {
		return err
	}
	known, err := note.NewVerifier(*log)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("%s\nhttp://%s/outside\n", public, listener.Addr())
	mux := http.NewServeMux()
	mux.HandleFunc("POST /outside/add-checkpoint", (&outside{log: known, signer: signer}).add)
	return http.Serve(listener, mux)
}

// submit shows a checkpoint to a node's witness as its client library does: first with old size 0, then with the
// size that the witness answers.
func submit(arguments []string) error {
	flags := flag.NewFlagSet("submit", flag.ExitOnError)
	to := flags.String("to", "", "the submission prefix, an `URL`")
	ca := flags.String("ca", "", "PEM `file` of the authorities of node certificates")
	cert := flags.String("cert", "", "PEM `file` of a node's certificate")
	key := flags.String("key", "", "PEM `file` of its key")
	file := flags.String("note", "", "the checkpoint's `file`")
	vkey := flags.String("witness", "", "the witness's verifier `key`")
	flags.Parse(arguments)
	checkpoint, err := os.ReadFile(*file)
	if err != nil {
		return err
	}
	prefix, err := url.Parse(*to)
	if err != nil {
		return err
	}
	transport, err := access(*ca, *cert, *key)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: transport}
	status, body, err := post(client, prefix, 0, checkpoint)
	if err != nil || status != http.StatusConflict {
		return fmt.Errorf("an old size of 0 was answered with status %d, %v", status, err)
	}
	var size int64
	if n, err := fmt.Sscanf(string(body), "%d\n", &size); n != 1 || size == 0 {
		return fmt.Errorf("the size %q: %v", body, err)
	}
	status, lines, err := post(client, prefix, size, checkpoint)
	if err != nil || status != http.StatusOK {
		return fmt.Errorf("the size %d that it told was answered with status %d, %v", size, status, err)
	}
	verifier, err := cosignatures.NewVerifierForCosignatureV1(*vkey)
	if err != nil {
		return err
	}
	end := bytes.LastIndex(checkpoint, []byte("\n\n"))
	whole := append(append([]byte{}, checkpoint[:end+2]...), lines...)
	if _, err := note.Open(whole, note.VerifierList(verifier)); err != nil {
		return fmt.Errorf("the cosignature: %w", err)
	}
	if status, _, _ := post(client, prefix, size+1, checkpoint); status != http.StatusBadRequest {
		return fmt.Errorf("an old size above the checkpoint's was answered with status %d", status)
	}
	fmt.Printf("cosigned at size %d\n", size)
	return nil
}

// post submits a checkpoint without a proof.
func post(client *http.Client, prefix *url.URL, old int64, checkpoint []byte) (int, []byte, error) {
	body := fmt.Appendf(nil, "old %d\n\n%s", old, checkpoint)
	answer, err := client.Post(prefix.JoinPath("add-checkpoint").String(), "", bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusConflict && answer.Header.Get("Content-Type") != "text/x.tlog.size" {
		return 0, nil, errors.New("a 409 without a size")
	}
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, text, err
}

// check opens a cosigned checkpoint with the keys of the log and of all witnesses given, each of which has to have signed.
func check(arguments []string) error {
	flags := flag.NewFlagSet("check", flag.ExitOnError)
	log := flags.String("log", "", "the log's verifier `key`")
	file := flags.String("note", "", "the checkpoint's `file`")
	flags.Parse(arguments)
	signed, err := os.ReadFile(*file)
	if err != nil {
		return err
	}
	own, err := note.NewVerifier(*log)
	if err != nil {
		return err
	}
	verifiers := []note.Verifier{own}
	for _, vkey := range flags.Args() {
		verifier, err := cosignatures.NewVerifierForCosignatureV1(vkey)
		if err != nil {
			return err
		}
		verifiers = append(verifiers, verifier)
	}
	opened, err := note.Open(signed, note.VerifierList(verifiers...))
	if err != nil {
		return err
	}
	if len(opened.Sigs) != len(verifiers) {
		return fmt.Errorf("%d of %d keys have signed", len(opened.Sigs), len(verifiers))
	}
	fmt.Printf("signed by the log and %d witnesses\n", len(verifiers)-1)
	return nil
}

// access speaks TLS as nodes do. The name in a node's certificate is no host name, so the chain alone is checked.
func access(ca, cert, key string) (*http.Transport, error) {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	text, err := os.ReadFile(ca)
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(text); block == nil || !roots.AppendCertsFromPEM(text) {
		return nil, errors.New("no authority in " + ca)
	}
	config := &tls.Config{
		Certificates:       []tls.Certificate{pair},
		NextProtos:         []string{"bridge/1"},
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			options := x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
			_, err := state.PeerCertificates[0].Verify(options)
			return err
		},
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		dialer := tls.Dialer{Config: config}
		return dialer.DialContext(ctx, network, address)
	}
	return &http.Transport{DialTLSContext: dial}, nil
}
