// Reads the bridge's directory with go-tuf, a stranger's client of The Update Framework.
//
//	tuf ROOT_JSON REPOSITORY
//
// ROOT_JSON is the root metadata that is pinned; REPOSITORY the published folder, which this program serves over HTTP to the client as
// any web server would. Prints one JSON object, the same as check.py: versions by role, SHA-256 and length of the directory, SHA-256 of the catalogue, SHA-256 of the
// members' nodes by their paths, which it finds by delegation. Exit code 0 when all of it verifies, 1 when the client refuses (the reason on stderr), 64 for wrong usage.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"
)

const directory = "directory.json"
const catalogue = "catalogue.json"

type report struct {
	Catalogue string            `json:"catalogue"`
	Length    int               `json:"length"`
	Members   map[string]string `json:"members"`
	Sha256    string            `json:"sha256"`
	Versions  map[string]int64  `json:"versions"`
}

func main() {
	flag.Usage = func() { fmt.Fprintln(os.Stderr, "tuf ROOT_JSON REPOSITORY") }
	flag.Parse()
	if flag.NArg() != 2 {
		flag.Usage()
		os.Exit(64)
	}
	found, err := check(flag.Arg(0), flag.Arg(1))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	json.NewEncoder(os.Stdout).Encode(found)
}

func check(rootFile, repository string) (*report, error) {
	root, err := os.ReadFile(rootFile)
	if err != nil {
		return nil, err
	}
	client, err := os.MkdirTemp("", "tuf")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(client)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	go http.Serve(listener, http.FileServer(http.Dir(repository)))
	web := "http://" + listener.Addr().String()

	settings, err := config.New(web+"/metadata", root)
	if err != nil {
		return nil, err
	}
	settings.RemoteTargetsURL = web + "/targets"
	settings.LocalMetadataDir, settings.LocalTargetsDir = client+"/metadata", client+"/targets"
	reader, err := updater.New(settings)
	if err != nil {
		return nil, err
	}
	if err := reader.Refresh(); err != nil {
		return nil, err
	}
	info, err := reader.GetTargetInfo(directory)
	if err != nil {
		return nil, err
	}
	_, bytes, err := reader.DownloadTarget(info, "", "")
	if err != nil {
		return nil, err
	}
	if !json.Valid(bytes) {
		return nil, fmt.Errorf("%s is not JSON", directory)
	}
	listed := ""
	trusted := reader.GetTrustedMetadataSet()
	if _, named := trusted.Targets["targets"].Signed.Targets[catalogue]; named {
		info, err := reader.GetTargetInfo(catalogue)
		if err != nil {
			return nil, err
		}
		_, entries, err := reader.DownloadTarget(info, "", "")
		if err != nil {
			return nil, err
		}
		if !json.Valid(entries) {
			return nil, fmt.Errorf("%s is not JSON", catalogue)
		}
		digest := sha256.Sum256(entries)
		listed = hex.EncodeToString(digest[:])
	}
	members := map[string]string{}
	if delegations := trusted.Targets["targets"].Signed.Delegations; delegations != nil {
		for _, role := range delegations.Roles {
			path := strings.TrimSuffix(role.Paths[0], "*") + "nodes.json"
			info, err := reader.GetTargetInfo(path)
			if err != nil {
				return nil, err
			}
			_, nodes, err := reader.DownloadTarget(info, "", "")
			if err != nil {
				return nil, err
			}
			if !json.Valid(nodes) {
				return nil, fmt.Errorf("%s is not JSON", path)
			}
			digest := sha256.Sum256(nodes)
			members[path] = hex.EncodeToString(digest[:])
		}
	}
	digest := sha256.Sum256(bytes)
	return &report{
		Catalogue: listed,
		Length:    len(bytes),
		Members:   members,
		Sha256:    hex.EncodeToString(digest[:]),
		Versions: map[string]int64{
			"root":      trusted.Root.Signed.Version,
			"timestamp": trusted.Timestamp.Signed.Version,
			"snapshot":  trusted.Snapshot.Signed.Version,
			"targets":   trusted.Targets["targets"].Signed.Version,
		},
	}, nil
}
