package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/tlog"
)

// height is the height of the tiles of C2SP tlog-tiles.
const height = 8

// keptTiles bounds the cache: 4096 tiles of 8 KiB.
const keptTiles = 4096

// tiles is a tlog.TileReader over the paths of C2SP tlog-tiles, which have no height in them.
type tiles struct {
	source source
	mutex  sync.Mutex
	kept   map[string][]byte
}

func (t *tiles) Height() int { return height }

// SaveTiles is told which tiles were found to be genuine.
func (t *tiles) SaveTiles(list []tlog.Tile, data [][]byte) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	for i, tile := range list {
		if len(t.kept) >= keptTiles {
			clear(t.kept)
		}
		t.kept[tile.Path()] = data[i]
	}
}

func (t *tiles) ReadTiles(list []tlog.Tile) ([][]byte, error) {
	result := make([][]byte, 0, len(list))
	for _, tile := range list {
		t.mutex.Lock()
		data, found := t.kept[tile.Path()]
		t.mutex.Unlock()
		if !found {
			var err error
			if data, err = t.read(tile); err != nil {
				return nil, err
			}
		}
		result = append(result, data)
	}
	return result, nil
}

// read takes a partial tile, or the beginning of the full one where that has come since.
func (t *tiles) read(tile tlog.Tile) ([]byte, error) {
	data, err := t.source.read(path(tile))
	if errors.Is(err, fs.ErrNotExist) && tile.W < 1<<height {
		whole := tile
		whole.W = 1 << height
		data, err = t.source.read(path(whole))
		if need := tile.W * tlog.HashSize; err == nil && len(data) > need {
			data = data[:need]
		}
	}
	if err != nil {
		return nil, err
	}
	if len(data) != tile.W*tlog.HashSize {
		return nil, fmt.Errorf("%s has %d bytes, not %d", path(tile), len(data), tile.W*tlog.HashSize)
	}
	return data, nil
}

// path maps tile/8/L/N to tile/L/N.
func path(tile tlog.Tile) string {
	return "tile/" + strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", height))
}

// entries reads the bundle of leaves that starts at 256·number; width of them.
func entries(source source, number int64, width int) ([][]byte, error) {
	tile := tlog.Tile{H: height, L: -1, N: number, W: width}
	name := strings.Replace(path(tile), "tile/data/", "tile/entries/", 1)
	data, err := source.read(name)
	if errors.Is(err, fs.ErrNotExist) && width < 1<<height {
		tile.W = 1 << height
		name = strings.Replace(path(tile), "tile/data/", "tile/entries/", 1)
		data, err = source.read(name)
	}
	if err != nil {
		return nil, err
	}
	var leaves [][]byte
	for len(leaves) < width {
		if len(data) < 2 {
			return nil, fmt.Errorf("%s ends after %d of %d entries", name, len(leaves), width)
		}
		length := int(binary.BigEndian.Uint16(data))
		if len(data) < 2+length {
			return nil, fmt.Errorf("%s ends inside entry %d", name, len(leaves))
		}
		leaves = append(leaves, data[2:2+length])
		data = data[2+length:]
	}
	if tile.W == width && len(data) > 0 {
		return nil, fmt.Errorf("%s has %d bytes after its last entry", name, len(data))
	}
	return leaves, nil
}
