package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const origin = "log.example.az/AZ/GOV/1001/NODE1/1"

// made is a log in a folder, as a node publishes it.
type made struct {
	folder, vkey string
	signer       note.Signer
	hashes       []tlog.Hash
	leaves       []string
}

func make700(t *testing.T) *made {
	t.Helper()
	secret, vkey, err := note.GenerateKey(nil, origin)
	must(t, err)
	signer, err := note.NewSigner(secret)
	must(t, err)
	m := &made{folder: t.TempDir(), vkey: vkey, signer: signer}
	for i := range int64(700) {
		leaf := fmt.Sprintf(`{"v":1,"kind":"state","time":%d}`, i)
		stored, err := tlog.StoredHashes(i, []byte(leaf), m)
		must(t, err)
		m.hashes = append(m.hashes, stored...)
		m.leaves = append(m.leaves, leaf)
	}
	must(t, m.write("checkpoint", []byte(m.note(t, 700))))
	for _, tile := range tlog.NewTiles(height, 0, 700) {
		data, err := tlog.ReadTileData(tile, m)
		must(t, err)
		must(t, m.write(path(tile), data))
	}
	for number := range 3 {
		var bundle []byte
		first := number * 256
		last := min(first+256, 700)
		for _, leaf := range m.leaves[first:last] {
			bundle = binary.BigEndian.AppendUint16(bundle, uint16(len(leaf)))
			bundle = append(bundle, leaf...)
		}
		name := fmt.Sprintf("tile/entries/%03d", number)
		if last-first < 256 {
			name = fmt.Sprintf("%s.p/%d", name, last-first)
		}
		must(t, m.write(name, bundle))
	}
	return m
}

func (m *made) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var list []tlog.Hash
	for _, index := range indexes {
		list = append(list, m.hashes[index])
	}
	return list, nil
}

func (m *made) note(t *testing.T, size int64) string {
	t.Helper()
	root, err := tlog.TreeHash(size, m)
	must(t, err)
	text := fmt.Sprintf("%s\n%d\n%s\n", origin, size, base64.StdEncoding.EncodeToString(root[:]))
	signed, err := note.Sign(&note.Note{Text: text}, m.signer)
	must(t, err)
	return string(signed)
}

func (m *made) write(name string, data []byte) error {
	file := filepath.Join(m.folder, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o644)
}

func (m *made) alter(t *testing.T, name string, at int) {
	t.Helper()
	file := filepath.Join(m.folder, name)
	data, err := os.ReadFile(file)
	must(t, err)
	data[at] ^= 1
	must(t, os.WriteFile(file, data, 0o644))
}

func (m *made) judge(arguments ...string) (int, string) {
	var out, problems bytes.Buffer
	arguments = append([]string{"-vkey", m.vkey}, arguments...)
	code := run(append(arguments, m.folder), &out, &problems)
	return code, out.String() + problems.String()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestGoodLogHolds(t *testing.T) {
	m := make700(t)
	old := filepath.Join(t.TempDir(), "old")
	must(t, os.WriteFile(old, []byte(m.note(t, 300)), 0o644))
	hash := tlog.RecordHash([]byte(m.leaves[513]))
	receipt := fmt.Sprintf("%s#513:%s", origin, base64.RawURLEncoding.EncodeToString(hash[:]))
	code, said := m.judge("-all", "-leaf", "0,255,699", "-size", "1,2,256,699,700", "-old", old, "-receipt", receipt)
	if code != exitOK || strings.Contains(said, "FALSE") {
		t.Fatal(code, said)
	}
	if lines := strings.Count(said, "\n"); lines != 1+3+3+5+1+1 {
		t.Fatal(lines, said)
	}
}

func TestSameOverHTTP(t *testing.T) {
	m := make700(t)
	server := httptest.NewServer(http.StripPrefix("/log", http.FileServer(http.Dir(m.folder))))
	defer server.Close()
	m.folder = server.URL + "/log"
	if code, said := m.judge("-all", "-size", "256"); code != exitOK {
		t.Fatal(code, said)
	}
}

// A full tile serves where the partial one has gone.
func TestPartialTilesMayHaveBeenReplaced(t *testing.T) {
	m := make700(t)
	grown := append([]byte{}, bytes.Repeat([]byte{7}, 256*tlog.HashSize)...)
	partial, err := os.ReadFile(filepath.Join(m.folder, "tile/0/002.p/188"))
	must(t, err)
	copy(grown, partial)
	must(t, os.RemoveAll(filepath.Join(m.folder, "tile/0/002.p")))
	must(t, m.write("tile/0/002", grown))
	if code, said := m.judge("-leaf", "600"); code != exitOK {
		t.Fatal(code, said)
	}
}

func TestEachAlterationIsSaid(t *testing.T) {
	other, _, err := note.GenerateKey(nil, origin)
	must(t, err)
	stranger, err := note.NewSigner(other)
	must(t, err)
	for _, c := range []struct {
		name, says string
		alter      func(m *made)
		arguments  []string
	}{
		{"size", "FALSE checkpoint", func(m *made) { m.alter(t, "checkpoint", len(origin)+1) }, nil},
		{"origin", "FALSE checkpoint", func(m *made) { m.alter(t, "checkpoint", 3) }, nil},
		{"signer", "FALSE checkpoint", func(m *made) {
			m.signer = stranger
			must(t, m.write("checkpoint", []byte(m.note(t, 700))))
		}, nil},
		{"tile", "FALSE inclusion leaf 20 ", func(m *made) { m.alter(t, "tile/0/000", 77) }, []string{"-leaf", "20"}},
		{"upper tile", "FALSE consistency 300 ", func(m *made) { m.alter(t, "tile/1/000.p/2", 40) }, []string{"-size", "300"}},
		{"entry", "FALSE inclusion leaf 4 ", func(m *made) { m.alter(t, "tile/entries/000", 4*34+20) }, []string{"-all"}},
		{"entry length", "FALSE inclusion leaf 0 ", func(m *made) { m.alter(t, "tile/entries/000", 0) }, []string{"-all"}},
		{"missing tile", "FALSE inclusion leaf 1 ", func(m *made) {
			must(t, os.Remove(filepath.Join(m.folder, "tile/0/000")))
		}, []string{"-leaf", "1"}},
		{"missing entries", "FALSE inclusion leaf 256 ", func(m *made) {
			must(t, os.Remove(filepath.Join(m.folder, "tile/entries/001")))
		}, []string{"-all"}},
		{"cut tile", "has 8160 bytes", func(m *made) {
			must(t, os.Truncate(filepath.Join(m.folder, "tile/0/001"), 8160))
		}, []string{"-leaf", "300"}},
		{"beyond", "FALSE inclusion leaf 700 ", func(*made) {}, []string{"-leaf", "700"}},
		{"receipt", "FALSE receipt", func(*made) {}, []string{"-receipt", origin + "#3:" + strings.Repeat("A", 43)}},
		{"receipt of another log", "FALSE receipt", func(*made) {}, []string{"-receipt", "x#3:" + strings.Repeat("A", 43)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := make700(t)
			c.alter(m)
			code, said := m.judge(c.arguments...)
			if code != exitFalse || !strings.Contains(said, c.says) {
				t.Fatal(code, said)
			}
		})
	}
}

// A log that forgot its leaves, and one that grew from other leaves.
func TestForksAreSaid(t *testing.T) {
	m, fork := make700(t), make700(t)
	old := filepath.Join(t.TempDir(), "old")
	must(t, os.WriteFile(old, []byte(m.note(t, 600)), 0o644))
	must(t, m.write("checkpoint", []byte(m.note(t, 500))))
	if code, said := m.judge("-old", old); code != exitFalse || !strings.Contains(said, "leaves were removed") {
		t.Fatal(code, said)
	}
	fork.signer, fork.hashes[0] = m.signer, tlog.Hash{1}
	must(t, os.WriteFile(old, []byte(fork.note(t, 1)), 0o644))
	if code, said := m.judge("-old", old); code != exitFalse || !strings.Contains(said, "FALSE consistency 1 ") {
		t.Fatal(code, said)
	}
}

func TestArgumentsAreChecked(t *testing.T) {
	m := make700(t)
	for _, arguments := range [][]string{{}, {"x"}, {"-vkey", m.vkey}, {"-vkey", m.vkey, "-leaf", "-1", "x"}, {"-vkey", "@/nowhere", "x"}} {
		var out, problems bytes.Buffer
		if code := run(arguments, &out, &problems); code != exitUsage {
			t.Fatal(code, arguments, problems.String())
		}
	}
	var out, problems bytes.Buffer
	if code := run([]string{"-vkey", m.vkey, "/nowhere"}, &out, &problems); code != exitError {
		t.Fatal(code, problems.String())
	}
	origin := filepath.Join(t.TempDir(), "origin")
	must(t, os.WriteFile(origin, []byte("name\n"+m.vkey+"\n"), 0o644))
	if code := run([]string{"-vkey", "@" + origin, m.folder}, &out, &problems); code != exitOK {
		t.Fatal(code, problems.String())
	}
}
