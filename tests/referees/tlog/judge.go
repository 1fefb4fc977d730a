package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// judge checks claims and prints one line for each.
type judge struct {
	source source
	out    io.Writer
	failed int

	verifier note.Verifier
	tree     tlog.Tree
	hashes   tlog.HashReader
	bundle   int64
	leaves   [][]byte
}

// all checks the checkpoint and then everything that was asked for.
func (j *judge) all(s settings) error {
	verifier, err := note.NewVerifier(s.vkey)
	if err != nil {
		return fmt.Errorf("the verifier key: %w", err)
	}
	j.verifier = verifier
	text, err := j.source.read("checkpoint")
	if err != nil {
		return err
	}
	tree, err := j.checkpoint(text)
	j.say(fmt.Sprintf("checkpoint %s size %d root %s", verifier.Name(), tree.N, tree.Hash), err)
	if err != nil {
		return nil // nothing below means anything
	}
	j.tree = tree
	j.hashes = tlog.TileHashReader(tree, &tiles{source: j.source, kept: map[string][]byte{}})
	j.bundle = -1
	for _, size := range s.sizes {
		j.size(size)
	}
	for _, file := range s.old {
		j.old(file)
	}
	for _, leaf := range s.leaves {
		j.say(fmt.Sprintf("inclusion leaf %d in %d", leaf, tree.N), j.inclusion(leaf, nil))
	}
	for _, receipt := range s.receipts {
		j.say("receipt "+receipt, j.receipt(receipt))
	}
	if s.all {
		j.everyLeaf()
	}
	return nil
}

// say prints a claim and whether it holds. What can't be shown does not hold.
func (j *judge) say(claim string, err error) {
	if err == nil {
		fmt.Fprintln(j.out, "ok", claim)
		return
	}
	j.failed++
	fmt.Fprintf(j.out, "FALSE %s: %s\n", claim, strings.ReplaceAll(err.Error(), "\n", " "))
}

// checkpoint opens a signed note and reads the tree in it.
func (j *judge) checkpoint(text []byte) (tlog.Tree, error) {
	var tree tlog.Tree
	opened, err := note.Open(text, note.VerifierList(j.verifier))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != j.verifier.Name() {
		return tree, errors.New("the note is not a checkpoint of this log")
	}
	tree.N, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || tree.N < 0 || strconv.FormatInt(tree.N, 10) != lines[1] {
		return tree, errors.New("the size is not a number")
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return tree, errors.New("the root is not a hash")
	}
	copy(tree.Hash[:], root)
	return tree, nil
}

// size checks that the tree of a smaller size is a beginning of the published one.
func (j *judge) size(size int64) {
	claim := fmt.Sprintf("consistency %d to %d", size, j.tree.N)
	if size < 1 || size > j.tree.N {
		j.say(claim, errors.New("the size is not between 1 and that of the checkpoint"))
		return
	}
	root, err := tlog.TreeHash(size, j.hashes)
	if err == nil {
		err = j.consistency(tlog.Tree{N: size, Hash: root})
	}
	j.say(claim, err)
}

// old checks that an older checkpoint is a beginning of the published one.
func (j *judge) old(file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		j.say("consistency from "+file, err)
		return
	}
	tree, err := j.checkpoint(text)
	if err == nil {
		err = j.consistency(tree)
	}
	j.say(fmt.Sprintf("consistency %d root %s to %d", tree.N, tree.Hash, j.tree.N), err)
}

func (j *judge) consistency(old tlog.Tree) error {
	if old.N > j.tree.N {
		return errors.New("it is of more leaves than the published checkpoint: leaves were removed")
	}
	if old.N == 0 {
		return nil // the empty tree is a beginning of every tree
	}
	proof, err := tlog.ProveTree(j.tree.N, old.N, j.hashes)
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, j.tree.N, j.tree.Hash, old.N, old.Hash)
}

// inclusion checks that an entry is the leaf that the checkpoint stands for.
func (j *judge) inclusion(index int64, wanted *tlog.Hash) error {
	if index >= j.tree.N {
		return errors.New("the checkpoint is of fewer leaves")
	}
	if err := j.load(index >> height); err != nil {
		return err
	}
	hash := tlog.RecordHash(j.leaves[index&(1<<height-1)])
	if wanted != nil && hash != *wanted {
		return errors.New("the leaf has another hash")
	}
	proof, err := tlog.ProveRecord(j.tree.N, index, j.hashes)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, j.tree.N, j.tree.Hash, index, hash)
}

// load reads the bundle of entries with this number, unless it is the one at hand.
func (j *judge) load(number int64) error {
	if j.bundle == number {
		return nil
	}
	width := min(j.tree.N-number<<height, 1<<height)
	leaves, err := entries(j.source, number, int(width))
	if err != nil {
		return err
	}
	j.bundle, j.leaves = number, leaves
	return nil
}

// receipt checks "origin#index:hash".
func (j *judge) receipt(text string) error {
	origin, rest, _ := strings.Cut(text, "#")
	number, encoded, _ := strings.Cut(rest, ":")
	index, err := strconv.ParseInt(number, 10, 64)
	if err != nil || index < 0 {
		return errors.New("it is not origin#index:hash")
	}
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || len(decoded) != tlog.HashSize {
		return errors.New("its hash is not 32 bytes of base64url")
	}
	if origin != j.verifier.Name() {
		return errors.New("it is of another log")
	}
	hash := tlog.Hash(decoded)
	return j.inclusion(index, &hash)
}

// everyLeaf checks all leaves and prints one line for each bundle, or for each leaf that is false.
func (j *judge) everyLeaf() {
	for first := int64(0); first < j.tree.N; first += 1 << height {
		end := min(first+1<<height, j.tree.N)
		wrong := 0
		for index := first; index < end; index++ {
			err := j.inclusion(index, nil)
			if err == nil {
				continue
			}
			wrong++
			j.say(fmt.Sprintf("inclusion leaf %d in %d", index, j.tree.N), err)
			if errors.Is(err, fs.ErrNotExist) {
				break // the whole bundle or its tiles are missing
			}
		}
		if wrong == 0 {
			j.say(fmt.Sprintf("inclusion leaves %d to %d in %d", first, end-1, j.tree.N), nil)
		}
	}
}
