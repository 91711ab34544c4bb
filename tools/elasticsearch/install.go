package main

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// rootCache holds what root caches: a home directory of root's could not be
// read by the unprivileged user that the server runs as.
const rootCache = "/var/cache/terraform-provider-apm"

// mavenGet is the goal that downloads one artifact.
const mavenGet = "org.apache.maven.plugins:maven-dependency-plugin:2.8:get"

// cacheDirectory returns the directory in which installations survive a run.
func cacheDirectory() (string, error) {
	if os.Geteuid() == 0 {
		return rootCache, nil
	}
	user, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(user, "terraform-provider-apm"), nil
}

// install returns the home directory of the release, which it downloads and
// unpacks below cache unless that was done before.
func install(ctx context.Context, r release, cache string) (string, error) {
	home := filepath.Join(cache, "elasticsearch-"+r.version)
	if _, err := os.Stat(home); err == nil {
		return home, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	// Unpacked beside its place and then renamed, so that an installation is
	// either whole or not there, whoever interrupts or races with this.
	work, err := os.MkdirTemp(cache, "install-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)

	archive, err := fetch(ctx, r.artifact, filepath.Join(work, "maven"))
	if err != nil {
		return "", err
	}
	unpacked := filepath.Join(work, "elasticsearch")
	err = step("unpacking Elasticsearch "+r.version, func() error { return unpack(archive, unpacked) })
	if err != nil {
		return "", err
	}
	if err := os.Rename(unpacked, home); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return home, nil
}

// fetch returns the path of the artifact: the one in the user's Maven
// repository if it is there, else a download into the repository given, which
// the caller deletes since a zip of 900 MB is of no more use once unpacked.
func fetch(ctx context.Context, a artifact, repository string) (string, error) {
	if user, err := os.UserHomeDir(); err == nil {
		present := a.path(filepath.Join(user, ".m2", "repository"))
		if _, err := os.Stat(present); err == nil {
			return present, nil
		}
	}
	maven, err := exec.LookPath("mvn")
	if err != nil {
		return "", &missingError{"Maven is needed to download Elasticsearch: install it so that mvn is on the PATH"}
	}
	err = step("downloading "+a.coordinate()+" (about 900 MB)", func() error {
		command := exec.CommandContext(ctx, maven, "-q", "-B", mavenGet,
			"-Dartifact="+a.coordinate(), "-Dtransitive=false", "-Dmaven.repo.local="+repository)
		command.Stdout, command.Stderr = os.Stderr, os.Stderr
		return command.Run()
	})
	if err != nil {
		return "", fmt.Errorf("downloading %s: %w", a.coordinate(), err)
	}
	return a.path(repository), nil
}

// unpack writes the elasticsearch folder of the archive to the directory.
func unpack(archive, directory string) error {
	reader, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("%s: %w", archive, err)
	}
	defer reader.Close()
	written := 0
	for _, file := range reader.File {
		name, ok := insideElasticsearch(file.Name)
		if !ok {
			continue
		}
		if err := unpackFile(file, filepath.Join(directory, filepath.FromSlash(name))); err != nil {
			return fmt.Errorf("%s: %s: %w", archive, file.Name, err)
		}
		written++
	}
	if written == 0 {
		return fmt.Errorf("%s holds no elasticsearch folder", archive)
	}
	return nil
}

// insideElasticsearch returns the name of a zip entry relative to the
// elasticsearch folder below the archive's top folder, and whether it lies in
// there. A name that would leave the folder is not inside.
func insideElasticsearch(entry string) (string, bool) {
	_, rest, _ := strings.Cut(entry, "/")
	name, ok := strings.CutPrefix(rest, "elasticsearch/")
	if !ok || name == "" || !filepath.IsLocal(filepath.FromSlash(name)) {
		return "", false
	}
	return name, true
}

func unpackFile(file *zip.File, target string) error {
	if file.FileInfo().IsDir() {
		return os.MkdirAll(target, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	// The archive's own modes would hide some files from the server's user.
	mode := fs.FileMode(0o644)
	if file.Mode()&0o111 != 0 {
		mode = 0o755
	}
	source, err := file.Open()
	if err != nil {
		return err
	}
	defer source.Close()
	destination, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(destination, source)
	return errors.Join(err, destination.Close())
}
