package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// limitBytes bounds every answer: 256 entries of at most 65,535 bytes, each with its length.
const limitBytes = 256 * (65535 + 2)

// source gives the files of a log by their C2SP paths; fs.ErrNotExist if there is none.
type source interface {
	read(path string) ([]byte, error)
}

// access is what a log behind TLS wants from its readers.
type access struct {
	authorities, certificate, key string
}

type folder struct{ root string }

type site struct {
	base   *url.URL
	client *http.Client
}

// open takes a folder or an http or https URL.
func open(base string, access access) (source, error) {
	if !strings.HasPrefix(base, "http://") && !strings.HasPrefix(base, "https://") {
		return folder{base}, nil
	}
	parsed, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS13}
	if access.authorities != "" {
		text, err := os.ReadFile(access.authorities)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s holds no certificate", access.authorities)
		}
	}
	if access.certificate != "" {
		pair, err := tls.LoadX509KeyPair(access.certificate, access.key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
		// A node is known by a URI in its certificate, not by a host name, and speaks one protocol of its own.
		config.NextProtos = []string{"bridge/1"}
		config.InsecureSkipVerify = true
		config.VerifyConnection = func(state tls.ConnectionState) error {
			options := x509.VerifyOptions{Roots: config.RootCAs, Intermediates: x509.NewCertPool()}
			for _, issuer := range state.PeerCertificates[1:] {
				options.Intermediates.AddCert(issuer)
			}
			_, err := state.PeerCertificates[0].Verify(options)
			return err
		}
	}
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: config}}
	return site{parsed, client}, nil
}

func (f folder) read(path string) ([]byte, error) {
	file, err := os.Open(filepath.Join(f.root, filepath.FromSlash(path)))
	if errors.Is(err, syscall.ENOTDIR) {
		// The full tile stands where the folder of its partial ones would be.
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return limited(path, file)
}

func (s site) read(path string) ([]byte, error) {
	answer, err := s.client.Get(s.base.JoinPath(path).String())
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
		return limited(path, answer.Body)
	case http.StatusNotFound:
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	default:
		return nil, fmt.Errorf("%s: status %s", path, answer.Status)
	}
}

func limited(path string, reader io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(reader, limitBytes+1))
	if err == nil && len(data) > limitBytes {
		err = fmt.Errorf("%s is longer than %d bytes", path, limitBytes)
	}
	return data, err
}
