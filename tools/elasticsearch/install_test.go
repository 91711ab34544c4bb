package main

import (
	"archive/zip"
	"os"
	"path/filepath"
	"testing"
)

func TestUnpack_keepsTheElasticsearchFolderAlone(t *testing.T) {
	archive := writeZip(t, map[string]os.FileMode{
		"product-1.0/elasticsearch/":                  os.ModeDir | 0o700,
		"product-1.0/elasticsearch/lib/server.jar":    0o600,
		"product-1.0/elasticsearch/lib/tools/start":   0o700,
		"product-1.0/lib/product.jar":                 0o644,
		"product-1.0/other/elasticsearch/lib/not.jar": 0o644,
		"elasticsearch/README":                        0o644,
	})
	directory := filepath.Join(t.TempDir(), "unpacked")
	if err := unpack(archive, directory); err != nil {
		t.Fatal(err)
	}

	modes := map[string]os.FileMode{}
	err := filepath.WalkDir(directory, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(directory, path)
		modes[filepath.ToSlash(name)] = info.Mode()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(modes) != 2 || modes["lib/server.jar"] != 0o644 || modes["lib/tools/start"] != 0o755 {
		t.Errorf("unpacked %v, want lib/server.jar readable and lib/tools/start executable by all", modes)
	}
}

func TestUnpack_refusesAnArchiveWithoutElasticsearch(t *testing.T) {
	archive := writeZip(t, map[string]os.FileMode{"product-1.0/lib/product.jar": 0o644})
	if err := unpack(archive, filepath.Join(t.TempDir(), "unpacked")); err == nil {
		t.Error("unpack succeeded, want an error")
	}
}

func TestInsideElasticsearch_refusesNamesThatLeaveTheFolder(t *testing.T) {
	for _, entry := range []string{
		"product/elasticsearch/../../evil", "product/elasticsearch//etc/evil", "product/elasticsearch/",
		"product/elasticsearch", "product/elasticsearch-evil/x", "",
	} {
		if name, ok := insideElasticsearch(entry); ok {
			t.Errorf("insideElasticsearch(%q) = %q, want it refused", entry, name)
		}
	}
}

// writeZip returns the path of an archive with the entries given.
func writeZip(t *testing.T, entries map[string]os.FileMode) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "archive.zip"))
	if err != nil {
		t.Fatal(err)
	}
	writer := zip.NewWriter(file)
	for name, mode := range entries {
		header := &zip.FileHeader{Name: name}
		header.SetMode(mode)
		if _, err := writer.CreateHeader(header); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Name()
}
