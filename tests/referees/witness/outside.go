package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// outside is a witness of one log, as C2SP tlog-witness describes it.
type outside struct {
	log    note.Verifier
	signer note.Signer
	lock   sync.Mutex
	size   int64
	root   tlog.Hash
}

const bodyLimit = 16 << 10

func (o *outside) add(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit))
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	status, answer := o.judge(body)
	if status == http.StatusConflict {
		w.Header().Set("Content-Type", "text/x.tlog.size")
	}
	w.WriteHeader(status)
	w.Write(answer)
}

func (o *outside) judge(body []byte) (int, []byte) {
	head, checkpoint, found := bytes.Cut(body, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	var old int64
	if n, err := fmt.Sscanf(lines[0], "old %d", &old); !found || n != 1 || err != nil {
		return http.StatusBadRequest, nil
	}
	var proof tlog.TreeProof
	for _, line := range lines[1:] {
		hash, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(hash) != tlog.HashSize {
			return http.StatusBadRequest, nil
		}
		proof = append(proof, tlog.Hash(hash))
	}
	stated, _, opened, err := log.ParseCheckpoint(checkpoint, o.log.Name(), o.log)
	if err != nil {
		return http.StatusForbidden, nil
	}
	size, root := int64(stated.Size), tlog.Hash(stated.Hash)
	o.lock.Lock()
	defer o.lock.Unlock()
	switch {
	case old > size:
		return http.StatusBadRequest, nil
	case old != o.size:
		return http.StatusConflict, fmt.Appendf(nil, "%d\n", o.size)
	case old == 0 && len(proof) > 0:
		return http.StatusUnprocessableEntity, nil
	case old > 0 && tlog.CheckTree(proof, size, root, old, o.root) != nil:
		return http.StatusUnprocessableEntity, nil
	}
	cosigned, err := note.Sign(&note.Note{Text: opened.Text}, o.signer)
	if err != nil {
		return http.StatusInternalServerError, nil
	}
	o.size, o.root = size, root
	return http.StatusOK, cosigned[len(opened.Text)+1:]
}
