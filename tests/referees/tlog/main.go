// Command tlog judges a published log by somebody else's code: golang.org/x/mod/sumdb.
//
// It is a referee, not a part of the node: it knows the layout of C2SP tlog-tiles and nothing of
// journals. See README.md for its flags, its lines and its exit codes.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// Exit codes, the same as those of the node's own commands.
const (
	exitOK    = 0
	exitError = 1  // the log could not be read
	exitFalse = 2  // a claim does not hold
	exitUsage = 64 // the arguments make no sense
)

// settings are the arguments, parsed.
type settings struct {
	base     string
	vkey     string
	leaves   []int64
	all      bool
	sizes    []int64
	old      []string
	receipts []string
	access   access
}

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run does everything main does, so that a test can call it.
func run(arguments []string, out, problems io.Writer) int {
	settings, err := parse(arguments, problems)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if err != nil {
		fmt.Fprintln(problems, "tlog:", err)
		return exitUsage
	}
	source, err := open(settings.base, settings.access)
	if err != nil {
		fmt.Fprintln(problems, "tlog:", err)
		return exitUsage
	}
	judge := &judge{source: source, out: out}
	err = judge.all(settings)
	switch {
	case err != nil:
		fmt.Fprintln(problems, "tlog:", err)
		return exitError
	case judge.failed > 0:
		return exitFalse
	default:
		return exitOK
	}
}

func parse(arguments []string, problems io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("tlog", flag.ContinueOnError)
	flags.SetOutput(problems)
	flags.Usage = func() {
		fmt.Fprintln(problems, "usage: tlog -vkey KEY|@FILE [flags] FOLDER|URL")
		flags.PrintDefaults()
	}
	flags.StringVar(&s.vkey, "vkey", "", "the log's verifier `key`, or @FILE whose last line is it")
	flags.BoolVar(&s.all, "all", false, "check every leaf")
	flags.Func("leaf", "check the leaf with this `index`; may be repeated, or a list 1,2,3", func(text string) error {
		return numbers(text, &s.leaves)
	})
	flags.Func("size", "check that the tree of this `size` is a beginning of the published one; may be repeated, or a list",
		func(text string) error { return numbers(text, &s.sizes) })
	flags.Func("old", "check that the checkpoint in this `file` is a beginning of the published one; may be repeated",
		func(text string) error { s.old = append(s.old, text); return nil })
	flags.Func("receipt", "check a receipt `origin#index:hash` as nodes give it; may be repeated",
		func(text string) error { s.receipts = append(s.receipts, text); return nil })
	flags.StringVar(&s.access.authorities, "ca", "", "PEM `file` of the authorities trusted for https")
	flags.StringVar(&s.access.certificate, "cert", "", "PEM `file` of the client certificate")
	flags.StringVar(&s.access.key, "key", "", "PEM `file` of the client certificate's key")
	if err := flags.Parse(arguments); err != nil {
		return s, err
	}
	if flags.NArg() != 1 || s.vkey == "" {
		return s, errors.New("one folder or URL and -vkey are needed; -help lists the flags")
	}
	s.base = flags.Arg(0)
	if file, isFile := strings.CutPrefix(s.vkey, "@"); isFile {
		text, err := os.ReadFile(file)
		if err != nil {
			return s, err
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		s.vkey = lines[len(lines)-1]
	}
	return s, nil
}

func numbers(text string, list *[]int64) error {
	for part := range strings.SplitSeq(text, ",") {
		number, err := strconv.ParseInt(part, 10, 64)
		if err != nil || number < 0 {
			return fmt.Errorf("%q is not a number from 0", part)
		}
		*list = append(*list, number)
	}
	return nil
}
