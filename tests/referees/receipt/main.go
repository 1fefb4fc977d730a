// Command receipt judges a receipt file by somebody else's code: the note and Merkle proof packages of the Go checksum
// database. It reads the C2SP tlog-proof format by itself and knows nothing of nodes.
//
//	receipt FILE VKEY
//
// Exit code 0: each proof leads from its leaf to a root that the key's owner signed. 2: one does not. 1: it cannot be read.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// file is what a node gives to its callers.
type file struct {
	Receipts []struct {
		Receipt string `json:"receipt"`
		Leaf    string `json:"leaf"`
		Proof   string `json:"proof"`
	} `json:"receipts"`
}

func main() {
	if len(os.Args) != 3 {
		fail(1, "usage: receipt FILE VKEY")
	}
	bytes, err := os.ReadFile(os.Args[1])
	if err != nil {
		fail(1, err)
	}
	var given file
	if err := json.Unmarshal(bytes, &given); err != nil || len(given.Receipts) == 0 {
		fail(1, "not a receipt file: ", err)
	}
	verifier, err := note.NewVerifier(os.Args[2])
	if err != nil {
		fail(1, err)
	}
	for _, one := range given.Receipts {
		size, err := judge(one.Proof, []byte(one.Leaf), one.Receipt, verifier)
		if err != nil {
			fail(2, "FALSE ", one.Receipt, ": ", err)
		}
		fmt.Printf("ok %s is under %d leaves\n", one.Receipt, size)
	}
}

// judge reads a proof, checks the signed checkpoint in it, and follows it from the leaf to the root.
func judge(proof string, leaf []byte, receipt string, verifier note.Verifier) (int64, error) {
	head, signed, found := strings.Cut(proof, "\n\n")
	lines := strings.Split(head, "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return 0, fmt.Errorf("not a tlog-proof")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return 0, err
	}
	var path tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return 0, err
		}
		path = append(path, hash)
	}
	opened, err := note.Open([]byte(signed), note.VerifierList(verifier))
	if err != nil {
		return 0, err
	}
	text := strings.Split(opened.Text, "\n")
	if len(text) != 4 || text[0] != verifier.Name() {
		return 0, fmt.Errorf("not a checkpoint of %s", verifier.Name())
	}
	size, err := strconv.ParseInt(text[1], 10, 64)
	if err != nil {
		return 0, err
	}
	root, err := tlog.ParseHash(text[2])
	if err != nil {
		return 0, err
	}
	hash := tlog.RecordHash(leaf)
	field := fmt.Sprintf("%s#%d:%s", text[0], index, base64.RawURLEncoding.EncodeToString(hash[:]))
	if field != receipt {
		return 0, fmt.Errorf("the leaf is %s", field)
	}
	return size, tlog.CheckRecord(path, size, root, index, hash)
}

func fail(code int, what ...any) {
	fmt.Fprintln(os.Stderr, fmt.Sprint(what...))
	os.Exit(code)
}
